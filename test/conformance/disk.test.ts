import { testDisk } from './disk.ts'

testDisk({
  format: 'iso',
  carried: ({ bytes, mode = 0o644, uid = 0, gid = 0 }) => ({ bytes, mode, uid, gid }),
  labels: {
    good: ['config-2', 'cidata', 'CONTEXT', '_STRATUSLAB', 'a b', 'x'.repeat(32)],
    bad: ['', 'x'.repeat(33), ' a', 'a ', 'ä', 'a\nb', '\0'],
  },
  years: { first: 1900, last: 2155 },
})

testDisk({
  format: 'vfat',
  carried: ({ bytes }) => ({ bytes }),
  labels: {
    good: ['config-2', 'cidata', 'CIDATA', '_CLOUD_INIT', 'a b'],
    bad: ['', 'x'.repeat(12), ' a', 'a ', 'ä', 'a\nb', '\0', ...Array.from('"*+,./:;<=>?[\\]|')],
  },
  years: { first: 1980, last: 2107 },
})

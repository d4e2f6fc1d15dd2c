import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { answersOf, toInode } from './injection-debugfs.ts'

/** As debugfs 1.47.0 prints it, from its command to the next. */
const STATS = {
  file: `Inode: 17   Type: regular    Mode:  0600   Flags: 0x80000
Generation: 0    Version: 0x00000000:00000000
User: 70000   Group:     0   Project:     0   Size: 8
File ACL: 0
Links: 1   Blockcount: 2
Fragment:  Address: 0    Number: 0    Size: 0
`,
  link: `Inode: 15   Type: symlink    Mode:  0777   Flags: 0x0
Generation: 0    Version: 0x00000000:00000000
User:     0   Group:     0   Project:     0   Size: 4
File ACL: 0
Links: 1   Blockcount: 0
Inode checksum: 0xe17c0e65
Fast link dest: "/run"
`,
  // With inodes of 128 bytes there are no projects.
  device: `Inode: 13   Type: character special    Mode:  0644   Flags: 0x0
Generation: 0    Version: 0x00000000
User:     0   Group: -294967296   Size: 0
File ACL: 0
Links: 2   Blockcount: 0
`,
}

describe('what debugfs prints', () => {
  it('is told apart by the commands that it repeats', () => {
    const commands = ['stat "/a"', 'stat "/nope"', 'dump "/a" is.0', 'stat "/b"']
    const stdout = `debugfs: stat "/a"\none\ndebugfs: stat "/nope"\ndebugfs: dump "/a" is.0\ndebugfs: stat "/b"\ntwo\n`
    assert.deepEqual(answersOf(stdout, commands), ['one\n', '', '', 'two\n'])
  })

  it('is nothing for commands that it never came to', () => {
    assert.deepEqual(answersOf('', ['stat "/a"', 'stat "/b"']), ['', ''])
  })

  it('is an inode, or none', () => {
    assert.deepEqual(toInode(STATS.file), {
      type: 'regular',
      mode: 0o600,
      uid: 70_000,
      gid: 0,
      sizeBytes: 8,
      links: 1,
      flags: 0x8_0000,
    })
    assert.equal(toInode(STATS.link)?.target, '/run')
    assert.deepEqual([toInode(STATS.device)?.type, toInode(STATS.device)?.gid], ['character special', 4_000_000_000])
    assert.equal(toInode(''), undefined)
  })
})

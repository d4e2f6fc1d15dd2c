import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { createBoundedCache } from './metadata-cache.ts'

describe('a bounded cache', () => {
  it('does what a list of everything would do', () => {
    const key = fc.constantFrom('a', 'b', 'c', 'd', 'e')
    const size = fc.integer({ min: 1, max: 12 })
    const steps = fc.array(
      fc.oneof(
        fc.record({ do: fc.constant('set' as const), key, size }),
        fc.record({ do: fc.constant('get' as const), key, size }),
        fc.record({ do: fc.constant('grow' as const), key, size }),
        fc.record({ do: fc.constant('delete' as const), key, size }),
      ),
    )
    fc.assert(
      fc.property(steps, (steps) => {
        const cache = createBoundedCache<number>(20)
        let list: { key: string; value: number; size: number; used: boolean }[] = []
        for (const [value, step] of steps.entries()) {
          const known = list.find((each) => each.key === step.key)
          if (step.do === 'get') assert.equal(cache.get(step.key), known?.value)
          else if (step.do === 'set') cache.set(step.key, value, step.size)
          else if (step.do === 'grow') cache.grow(step.key, step.size)
          else cache.delete(step.key)

          const others = list.filter((each) => each !== known)
          if (step.do === 'set') list = [...others, { key: step.key, value, size: step.size, used: false }]
          if (step.do === 'get' && known) known.used = true
          if (step.do === 'grow' && known) known.size += step.size
          if (step.do === 'delete') list = others
          while (list.reduce((sum, each) => sum + each.size, 0) > 20) {
            const first = list.shift()
            if (first?.used) list.push({ ...first, used: false })
          }
        }
      }),
      { numRuns: 500 },
    )
  })

  it('keeps what is used', () => {
    const cache = createBoundedCache<number>(10)
    for (let i = 0; i < 100; i++) {
      cache.set(`${i}`, i, 1)
      cache.get('0')
    }
    assert.deepEqual([cache.get('0'), cache.get('50'), cache.get('99')], [0, undefined, 99])
  })

  it('keeps nothing that is larger than all of it', () => {
    const cache = createBoundedCache<string>(10)
    cache.set('a', 'a', 11)
    assert.equal(cache.get('a'), undefined)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { CloudError, isCloudError } from '../../model/errors.ts'
import { parseXml } from '../../wire/xml.ts'
import type { Call } from '../provider.ts'
import { readHost, type OneHost } from './api-pools.ts'
import { checkHosts, knownHosts } from './hosts.ts'

const CALL: Call = { signal: new AbortController().signal, deadline: Infinity }
const MIB = 1024

const host = (cores: number, memoryMiB: number, state = 2, name = 'node'): OneHost => ({
  name,
  state,
  cpuPercent: cores * 100,
  memoryKiB: memoryMiB * MIB,
})
const isRefused = (hosts: readonly OneHost[], cores: number, memoryMiB: number): boolean => {
  try {
    checkHosts(hosts, { cpuPercent: cores * 100, memoryMiB }, 'one: size large')
    return false
  } catch (error) {
    assert.ok(isCloudError(error, 'conflict'), String(error))
    return true
  }
}

describe('hosts', () => {
  it('are asked for once a minute, by however many, and again after that', async () => {
    let [asked, now] = [0, 0]
    const hosts = () => Promise.resolve([host(++asked, 1)])
    const known = knownHosts({ hosts }, () => now)
    const coresAt = async (ms: number) => {
      now = ms
      const [first, second] = await Promise.all([known(CALL), known(CALL)])
      assert.equal(first, second)
      return (first[0]?.cpuPercent ?? 0) / 100
    }
    assert.deepEqual([await coresAt(0), await coresAt(59_999), await coresAt(60_000)], [1, 1, 2])
  })

  it('that nobody may tell of are none, and that is known for a minute, too', async () => {
    let asked = 0
    const hosts = () => {
      asked++
      return Promise.reject(new CloudError('forbidden', 'no'))
    }
    const known = knownHosts({ hosts }, () => 0)
    assert.deepEqual([await known(CALL), await known(CALL), asked], [[], [], 1])
  })

  it('refuse what none of them could hold, and nothing else', () => {
    const size = fc.record({ cores: fc.nat({ max: 9 }), memoryMiB: fc.nat({ max: 9 }) })
    fc.assert(
      fc.property(fc.array(size, { minLength: 1 }), size, (sizes, { cores, memoryMiB }) => {
        const fits = sizes.some((each) => each.cores >= cores && each.memoryMiB >= memoryMiB)
        const hosts = sizes.map((each) => host(each.cores, each.memoryMiB))
        assert.equal(isRefused(hosts, cores, memoryMiB), !fits)
      }),
    )
  })

  it('count unless administrators have taken them out, and refuse nothing while one is not measured', () => {
    const refusing = [0, 1, 2, 3, 4, 5, 6, 7, 8].filter((state) => isRefused([host(1, 1), host(8, 8, state)], 4, 4))
    assert.deepEqual(refusing, [4, 7, 8])
    const unmeasured = [0, 1, 2, 3, 4, 5, 6, 7, 8].filter((state) => !isRefused([host(1, 1), host(0, 0, state)], 4, 4))
    assert.deepEqual(unmeasured, [0, 6])
    assert.equal(isRefused([], 4, 4), false)
    assert.equal(isRefused([host(8, 8, 8)], 16, 16), false)
  })

  it('are told of by the one that comes nearest', () => {
    const messageOf = (cores: number, memoryMiB: number) => {
      const hosts = [host(4, 64, 2, 'small'), host(32, 16, 2, 'fast'), host(8, 32, 2, 'middle')]
      try {
        checkHosts(hosts, { cpuPercent: cores * 100, memoryMiB }, 'one: size large')
        return undefined
      } catch (error) {
        return (error as Error).message
      }
    }
    const ending = 'in all; choose a smaller size'
    assert.equal(
      messageOf(6.5, 48),
      `one: size large takes 6.5 cores and 48 MiB; the largest host for it, middle, has 8 cores and 32 MiB ${ending}`,
    )
    assert.equal(
      messageOf(64, 1),
      `one: size large takes 64 cores and 1 MiB; the largest host for it, fast, has 32 cores and 16 MiB ${ending}`,
    )
  })

  it('without what is needed of them are no hosts', () => {
    for (const [body, message] of [
      ['<ID>0</ID><NAME>a</NAME><STATE>2</STATE>', /HOST has no HOST_SHARE$/],
      ['<NAME>a</NAME><STATE>2</STATE><HOST_SHARE><MAX_MEM>1</MAX_MEM></HOST_SHARE>', /HOST_SHARE has no MAX_CPU$/],
    ] as const)
      assert.throws(
        () => readHost(parseXml(`<HOST>${body}</HOST>`)),
        (error) => isCloudError(error, 'provider-failed') && message.test(error.message),
      )
  })
})

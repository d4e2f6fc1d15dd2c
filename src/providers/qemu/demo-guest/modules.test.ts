import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { isCloudError } from '../../../model/errors.ts'
import { inLoadingOrder, moduleName } from './modules.ts'

/** As a module's bytes are: `.modinfo` somewhere among binary data. */
function moduleNeeding(names: readonly string[]): Uint8Array {
  return Buffer.from(`\x7fELF\0\xff\xfelicense=GPL\0depends=${names.join(',')}\0retpoline=Y\0\xff`, 'latin1')
}

describe('kernel modules', () => {
  it('come after all that they need, each once', () => {
    // Module number n may need any of the numbers above it, so there is no circle.
    const needs = fc.array(fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 3 }), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(needs, (steps) => {
        const modules = new Map(
          steps.map((some, index) => {
            const numbers = some.map((step) => index + step).filter((number) => number < steps.length)
            return [`m${index}`, moduleNeeding([...new Set(numbers)].map((number) => `m${number}`))]
          }),
        )
        const order = inLoadingOrder([...modules.keys()], (name) => modules.get(name)).map(({ name }) => name)
        assert.deepEqual(new Set(order), new Set(modules.keys()))
        assert.equal(order.length, modules.size)
        for (const [index, some] of steps.entries())
          for (const step of some)
            if (modules.has(`m${index + step}`))
              assert.ok(order.indexOf(`m${index + step}`) < order.indexOf(`m${index}`))
      }),
      { numRuns: 150 },
    )
  })

  it('are left out where they are loaded already or built into the kernel', () => {
    const modules = new Map([
      ['base', moduleNeeding([])],
      ['net', moduleNeeding(['base'])],
    ])
    const find = (name: string) => modules.get(name)
    const base = inLoadingOrder(['base'], find)
    const names = inLoadingOrder(['af_packet', 'net'], find, base).map(({ name }) => name)
    assert.deepEqual(names, ['net'])
  })

  it('are refused when one that is needed is missing', () => {
    assert.throws(
      () => inLoadingOrder(['net'], (name) => (name === 'net' ? moduleNeeding(['gone']) : undefined)),
      (error) => isCloudError(error, 'invalid') && /gone, which net needs/.test(error.message),
    )
  })

  it('have one name, however the file spells it', () => {
    assert.equal(moduleName('virtio-rng.ko'), 'virtio_rng')
    assert.equal(moduleName('virtio_net'), 'virtio_net')
  })
})

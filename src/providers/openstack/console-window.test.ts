import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { consoleWindows } from './console-window.ts'

const WINDOW_BYTES = 100 * 1024

/** A console that keeps its last bytes only, as libvirt's driver shows it; every line is another one. */
function growingConsole(keptBytes: number) {
  let [all, cut, lines] = ['', 0, 0]
  return {
    say: (count: number): void => {
      for (let index = 0; index < count; index++) all += `[${lines}] line ${(lines++ * 7919) % 104_729} of the guest\n`
    },
    cutTo: (bytes: number): void => void (cut = Math.max(cut, all.length - bytes)),
    show: async (): Promise<string> => all.slice(Math.max(cut, all.length - keptBytes)),
    all: (): string => all,
    start: (): number => Math.max(cut, all.length - keptBytes),
  }
}

/** Reads on as the listener does. */
function reader(windows = consoleWindows(), server = 'a') {
  let [text, next] = ['', 0]
  return {
    read: async (show: () => Promise<string>): Promise<string> => {
      const piece = await windows.read(server, next, show)
      text += piece.text
      next = piece.next
      return piece.text
    },
    text: (): string => text,
    next: (): number => next,
  }
}

describe('a console that is only shown whole, and loses its beginning', () => {
  it('is read line by line, none lost and none twice, whatever is said and cut between two readings', async () => {
    // Of less than a line nobody can tell whether it is the same as before.
    const cutToBytes = fc.oneof(fc.constant(undefined), fc.constant(0), fc.integer({ min: 64, max: 6000 }))
    const step = fc.record({ lines: fc.nat(60), cutToBytes })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.constantFrom(3000, 12_000), async (steps, keptBytes) => {
        const [console, { read, text, next }] = [growingConsole(keptBytes), reader()]
        let [readTo, shown, expected] = [0, 0, '']
        for (const { lines, cutToBytes } of steps) {
          console.say(lines)
          if (cutToBytes !== undefined) console.cutTo(cutToBytes)
          // What came and went meanwhile nobody can read; and by a few bytes nothing is known again.
          const isKnown = readTo - console.start() >= Math.min(16, shown)
          const window = await console.show()
          if (window !== '') {
            expected += console.all().slice(isKnown ? readTo : console.start())
            ;[readTo, shown] = [console.all().length, window.length]
          }
          await read(console.show)
          assert.equal(text(), expected)
          assert.equal(next(), expected.length)
        }
      }),
      {
        examples: [
          [
            [
              { lines: 1, cutToBytes: 64 },
              { lines: 1, cutToBytes: 64 },
            ],
            3000,
          ],
        ],
        numRuns: 300,
      },
    )
  })

  it('is read on where its cut is larger than what is remembered of it', async () => {
    const [console, { read }] = [growingConsole(WINDOW_BYTES), reader()]
    console.say(5000)
    await read(console.show)
    for (const lines of [1, 40, 2000, 0, 3]) {
      const before = console.all().length
      console.say(lines)
      assert.equal(await read(console.show), console.all().slice(before))
    }
  })

  it('has nothing new where it says the same, however often that is', async () => {
    const { read } = reader()
    const prompt = async () => 'login: \n'.repeat(3000)
    assert.equal(await read(prompt), await prompt())
    assert.equal(await read(prompt), '')
    assert.equal(await read(async () => `${await prompt()}at last\n`), 'at last\n')
  })

  it('is read from its beginning where it begins anew, or by whom we do not remember', async () => {
    const { read } = reader()
    await read(async () => 'the first boot of this machine\n')
    assert.equal(await read(async () => 'and its second boot\n'), 'and its second boot\n')
    const fresh = await consoleWindows().read('a', 5000, async () => 'what is there\n')
    assert.deepEqual(fresh, { text: 'what is there\n', next: 14 })
  })

  it('is read on once it is seen again', async () => {
    const { read, next } = reader()
    await read(async () => 'one line of the console\n')
    assert.equal(await read(async () => ''), '')
    assert.equal(next(), 24)
    assert.equal(await read(async () => 'one line of the console\nand one\n'), 'and one\n')
  })

  it('has every reader at his own place', async () => {
    const windows = consoleWindows()
    const [first, second, other] = [reader(windows), reader(windows), reader(windows, 'b')]
    const console = growingConsole(WINDOW_BYTES)
    console.say(3000)
    await first.read(console.show)
    console.say(3000)
    await other.read(async () => 'another machine\n')
    await Promise.all([second.read(console.show), first.read(console.show)])
    const end = console.all()
    assert.ok(first.text().endsWith(end.slice(-WINDOW_BYTES)) && second.text() === end.slice(-WINDOW_BYTES))
    assert.equal(first.next(), second.next())
    assert.equal(other.text(), 'another machine\n')
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isCloudError } from '../../model/errors.ts'
import { chooseMicroversions, type Microversions } from './microversion.ts'
import { jsonReply, withReplayedSession } from './testdata/session.ts'

/** @param has what Nova tells; absent: what one told that was recorded, 2.1 to 2.93 */
async function chosen(most?: string, has?: { readonly min: string; readonly max: string }): Promise<Microversions> {
  let versions: Microversions | undefined
  await withReplayedSession(async ({ cloud, session }) => {
    cloud.answer = ({ path }) => {
      if (path !== '/v2.1') return undefined
      return has ? jsonReply({ version: { version: has.max, min_version: has.min } }) : cloud.recorded('nova-version')
    }
    versions = await chooseMicroversions(session, 'site', most)
  })
  return versions ?? assert.fail()
}

describe('the microversions that we speak', () => {
  const CHOICES: readonly (readonly [string, Parameters<typeof chosen>, Microversions])[] = [
    ['are the newest that we know, and an older one for files', [], { spoken: 90, withFiles: 56 }],
    ['are not above what clouds.yaml says', ['2.79'], { spoken: 79, withFiles: 56 }],
    ['have files in whatever is below their last', ['2.40'], { spoken: 40, withFiles: 40 }],
    ['are not more for a limit that we do not know', ['2.999'], { spoken: 90, withFiles: 56 }],
    ['take `latest` for no limit', ['latest'], { spoken: 90, withFiles: 56 }],
    ['are the newest of an old cloud', ['2.79', { min: '2.1', max: '2.53' }], { spoken: 53, withFiles: 53 }],
    ['have none for files where a cloud has forgotten them', [undefined, { min: '2.57', max: '2.93' }], { spoken: 90 }],
    ['are the floor of a cloud that names none', [undefined, { min: '', max: '' }], { spoken: 1, withFiles: 1 }],
  ]
  for (const [what, given, expected] of CHOICES)
    it(what, async () => assert.deepEqual(await chosen(...given), expected))

  it('are none where a cloud has only newer ones than we know, or than clouds.yaml allows', async () => {
    const refused = (most: string | undefined, min: string, words: RegExp) =>
      assert.rejects(
        chosen(most, { min, max: '2.200' }),
        (error) => isCloudError(error, 'unsupported') && words.test(error.message),
      )
    await refused(undefined, '2.91', /this Bellhop speaks up to 2\.90/)
    await refused('2.60', '2.61', /clouds\.yaml allows up to 2\.60 \(compute_default_microversion/)
  })
})

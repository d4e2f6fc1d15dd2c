import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { checkImages, sourceOf, toImages } from './images.ts'

const ID = 'BN1EEkPiBx87_uLj2-sdybSI-Xb'
const DISK = '8b1a9953-c461-4e7d-9c3f-0e1f6a7b2c4d'
const MARKETPLACE = { marketplaceEndpoint: 'https://m.example' }
const BOTH = { ...MARKETPLACE, pdiskEndpoint: 'https://c.example/pdisk' }

describe('an image of StratusLab', () => {
  it('is in the Marketplace, or a persistent disk', () => {
    assert.equal(sourceOf(ID, MARKETPLACE), `https://m.example/metadata/${ID}`)
    assert.equal(sourceOf(DISK, BOTH), `pdisk:https://c.example/pdisk/${DISK}`)
    assert.deepEqual(toImages('lab', [{ id: ID }, { id: DISK, title: 'Debian' }]), [
      { name: `lab-${ID}`, provider: 'lab', remoteId: ID, title: ID },
      { name: `lab-${DISK}`, provider: 'lab', remoteId: DISK, title: 'Debian' },
    ])
  })

  it('is refused where it is neither, or nobody says where disks are, or stands there twice', () => {
    for (const id of ['', ID.slice(1), `${ID}A`, `${ID.slice(1)}"`, 'debian'])
      assert.throws(() => sourceOf(id, BOTH), /neither an identifier of the Marketplace \(27 characters\) nor the UUID/)
    assert.throws(() => checkImages([{ id: DISK }], MARKETPLACE), /set pdiskEndpoint/)
    assert.throws(() => checkImages([{ id: ID }, { id: ID }], BOTH), /twice/)
    checkImages([{ id: ID }, { id: DISK }], BOTH)
  })
})

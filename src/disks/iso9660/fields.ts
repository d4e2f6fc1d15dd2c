import { Buffer } from 'node:buffer'
import { CloudError } from '../../model/errors.ts'

/** A logical sector and block: every extent begins on one. */
export const SECTOR_BYTES = 2048

/** The first volume descriptor's sector; those before it are the system area, which we leave empty (ECMA-119 6.2.1). */
export const FIRST_DESCRIPTOR_SECTOR = 16

/** What every volume descriptor has at its byte 1 (ECMA-119 8.1.2). */
export const STANDARD_IDENTIFIER = 'CD001'

/** Volume descriptor types (ECMA-119 8.1.1). */
export const DESCRIPTOR = { primary: 1, supplementary: 2, terminator: 255 } as const

/** Whole sectors that `sizeBytes` take. */
export function sectorsOf(sizeBytes: number): number {
  return Math.ceil(sizeBytes / SECTOR_BYTES)
}

/** Where something of `sizeBytes` goes at or after `offset`, if it must not lie across the end of a sector. */
export function withinSector(offset: number, sizeBytes: number): number {
  const left = SECTOR_BYTES - (offset % SECTOR_BYTES)
  return sizeBytes <= left ? offset : offset + left
}

/** ECMA-119 7.2.3: 16 bits in both byte orders, little-endian first. Takes 4 bytes. */
export function writeBoth16(image: Buffer, value: number, offset: number): void {
  image.writeUInt16LE(value, offset)
  image.writeUInt16BE(value, offset + 2)
}

/** ECMA-119 7.3.3: 32 bits in both byte orders, little-endian first. Takes 8 bytes. */
export function writeBoth32(image: Buffer, value: number, offset: number): void {
  image.writeUInt32LE(value, offset)
  image.writeUInt32BE(value, offset + 4)
}

/** One date as an image's structures want it, both times in UTC. */
export interface IsoDate {
  /** ECMA-119 9.1.5: 7 bytes: years since 1900, month, day, hour, minute, second, offset from Greenwich 0. */
  readonly record: Buffer
  /** ECMA-119 8.4.26.1: 16 digits, from the year to hundredths of a second; a byte for the offset, 0, follows. */
  readonly volume: string
}

/**
 * Writes a date in ISO 9660's two ways.
 *
 * @throws {CloudError} invalid when the year is not 1900 to 2155
 */
export function toIsoDate(date: Date): IsoDate {
  const year = date.getUTCFullYear()
  // Also true of an invalid date, whose year is NaN.
  if (!(year >= 1900 && year <= 2155))
    throw new CloudError('invalid', `date: ISO 9660 knows the years 1900 to 2155, not ${year}`)
  const day = [date.getUTCMonth() + 1, date.getUTCDate()]
  return {
    record: Buffer.from([year - 1900, ...day, date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds(), 0]),
    volume: date.toISOString().replaceAll(/\D/g, '').slice(0, 16),
  }
}

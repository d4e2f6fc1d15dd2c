import type { DiskFindings, Findings, LayoutFindings, UserDataFindings } from './findings.ts'
import { printable, sizeText, table } from './output.ts'

/** A name and its values, one a line. */
type Row = readonly [name: string, ...values: readonly string[]]

const FORMATS = { iso: 'ISO 9660', vfat: 'FAT' } as const satisfies Record<DiskFindings['format'], string>

const VERDICTS = {
  runs: 'uses it',
  ignores: 'ignores it',
  fails: 'fails with it',
} as const satisfies Record<UserDataFindings['cloudInit'], string>

/** Findings for people. What a disk says is made printable: a label could else speak to the terminal. */
export function findingsText(findings: Findings, name: string): string {
  if (findings.kind === 'user-data') return section(`${name}: user data`, userDataRows(findings))
  return [
    section(`${name}: ${FORMATS[findings.format]} disk`, diskRows(findings)),
    filesSection(findings),
    ...Object.entries(findings.layouts).map(([layout, found]) => section(`${layout} says`, layoutRows(found))),
    ...userDataSections(findings),
  ].join('\n\n')
}

function diskRows({ sizeBytes, label, guests }: DiskFindings): readonly Row[] {
  return [
    ['size', sizeText(sizeBytes)],
    ['label', printable(label)],
    ['found by', guests.join(', ') || 'no guest that we know of'],
  ]
}

function filesSection({ files }: DiskFindings): string {
  const rows = files.map(({ path, sizeBytes, what }) => [printable(path), sizeText(sizeBytes), what])
  return `files\n${indented(table(rows, [1]))}`
}

function layoutRows({ instanceId, hostname, keys, variables, files, userData }: LayoutFindings): readonly Row[] {
  return [
    ['instance id', printable(instanceId ?? 'none')],
    ['hostname', printable(hostname ?? 'none')],
    ...list('keys', keys),
    ...list('variables', variables),
    ...list('files', files),
    ['user data', userData ? sizeText(userData.sizeBytes) : 'none'],
  ]
}

/** Most disks say the same in every layout: each user data once, with the layouts that have them. */
function userDataSections({ layouts }: DiskFindings): readonly string[] {
  const byDigest = Map.groupBy(
    Object.entries(layouts).flatMap(([layout, { userData }]) => (userData ? [{ layout, userData }] : [])),
    ({ userData }) => userData.sha256,
  )
  return [...byDigest.values()].flatMap((same) => {
    const [first] = same
    const names = same.map(({ layout }) => layout).join(', ')
    return first ? [section(`user data in ${names}`, userDataRows(first.userData))] : []
  })
}

function userDataRows(findings: UserDataFindings): readonly Row[] {
  const { sizeBytes, sha256, title, cloudInit, remarks, provenBy } = findings
  const unproven = cloudInit === 'runs' && provenBy === undefined
  return [
    ['size', sizeText(sizeBytes)],
    ['SHA-256', sha256],
    ['format', title],
    ['cloud-init', VERDICTS[cloudInit], ...remarks, ...(unproven ? ['nothing that it reports proves the use'] : [])],
  ]
}

function list(name: string, values: readonly string[]): readonly Row[] {
  return values.length === 0 ? [] : [[name, ...values.map(printable)]]
}

function section(title: string, rows: readonly Row[]): string {
  const spread = rows.flatMap(([name, ...values]) => values.map((value, index) => [index === 0 ? name : '', value]))
  return `${title}\n${indented(table(spread))}`
}

function indented(text: string): string {
  return text.replaceAll(/^/gm, '  ')
}

import type { CloudInitVerdict, Finding, Format, Formats, Proof } from './format.ts'
import type { Payload } from './payload.ts'
import { YAML_MAX_CHARACTERS } from './yaml.ts'

/** One part of a container, as cloud-init hands it to what handles its format. */
export interface Part {
  /** `undefined` where cloud-init has nothing for its kind. */
  readonly format: Format | undefined
  readonly payload: Payload
  /** The name under which a script is stored, where the part gives one. */
  readonly filename?: string
  /** Why cloud-init may drop or change it, whatever is in it: then nothing proves its use. */
  readonly doubt?: string
}

/** So many remarks are given. */
const REMARKS_MAX = 10
const UNKNOWN = 'unknown'

/** What becomes of a container: of each part what becomes of its kind; a proof only where it covers them all. */
export function examineParts(parts: readonly Part[], formats: Formats): Finding {
  const findings = findingsOf(parts, formats)
  const collided = collisions(parts)
  const sure = collided.length === 0 && parts.every(({ doubt }) => doubt === undefined)
  const provenBy = sure ? proofOfAll(findings) : undefined
  const remarks = parts.flatMap((part, index) => remarksOn(part, findings[index], index))
  return {
    cloudInit: worst(findings),
    remarks: [...remarks, ...collided].slice(0, REMARKS_MAX),
    ...(provenBy ? { provenBy } : {}),
    parts: parts.map(({ format }) => format?.name ?? UNKNOWN),
  }
}

function findingsOf(parts: readonly Part[], formats: Formats): readonly Finding[] {
  let yamlBytes = 0
  return parts.map(({ format, payload }) => {
    if (payload.bytes.length === 0) return EMPTY
    if (!format) return UNHANDLED
    if (format.isYaml) yamlBytes += payload.bytes.length
    return format.isYaml && yamlBytes > YAML_MAX_CHARACTERS ? UNCHECKED : format.examine(payload, formats)
  })
}

function remarksOn({ format, doubt }: Part, finding: Finding | undefined, index: number): readonly string[] {
  const said = [...(doubt === undefined ? [] : [doubt]), ...(finding?.remarks ?? [])]
  return said.map((remark) => `part ${index + 1} (${format?.name ?? UNKNOWN}): ${remark}`)
}

const EMPTY: Finding = { cloudInit: 'ignores', remarks: ['empty'] }
const UNCHECKED: Finding = { cloudInit: 'runs', remarks: ['there is too much YAML to check all of it'] }
const UNHANDLED: Finding = { cloudInit: 'ignores', remarks: ['cloud-init does not know its content type'] }

function worst(findings: readonly Finding[]): CloudInitVerdict {
  const verdicts = new Set(findings.map(({ cloudInit }) => cloudInit))
  return verdicts.has('fails') ? 'fails' : verdicts.has('runs') ? 'runs' : 'ignores'
}

/** cloud-init's last stage ends well only where its scripts did, too. */
function proofOfAll(findings: readonly Finding[]): Proof | undefined {
  const proofs = new Set(findings.map(({ provenBy }) => provenBy))
  if (proofs.has(undefined) || proofs.size === 0) return undefined
  return proofs.has('modules-final') ? 'modules-final' : 'scripts-user'
}

/** Where a part takes another's place without a word. */
function collisions(parts: readonly Part[]): readonly string[] {
  const remarks: string[] = []
  const configs = parts.filter(({ format }) => format?.name === 'cloud-config').length
  if (configs > 1)
    remarks.push(`${configs} parts of cloud-config: where two have the same key, the later one's value alone counts`)
  const names = parts.flatMap(({ filename }) => (filename === undefined ? [] : [filename]))
  if (new Set(names).size < names.length)
    remarks.push('two parts have the same file name: the later takes the place of the other')
  return remarks
}

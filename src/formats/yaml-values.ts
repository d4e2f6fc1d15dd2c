import { CST, isAlias, isCollection, isMap, isPair, isScalar, isSeq, visit } from 'yaml'
import type { Alias, Document, Node, Pair } from 'yaml'

/** What PyYAML refuses though others take it. `offset` in characters. */
interface ValueProblem {
  readonly offset: number
  readonly problem: string
}

type Anchors = Map<string, Node>

/**
 * Looks through all nodes, in the order in which they stand, for what PyYAML's safe loader cannot make a value of.
 *
 * @param document with its source tokens
 */
export function yamlValueProblem(document: Document): ValueProblem | undefined {
  const anchors: Anchors = new Map()
  let found: ValueProblem | undefined
  visit(document, (role, node, path) => {
    const problem = isPair(node) ? pairProblem(node, anchors) : nodeProblem(role, node, path, anchors)
    if (problem === undefined) return undefined
    found = { offset: offsetOf(isPair(node) ? (node.key ?? node.value) : node), problem }
    return visit.BREAK
  })
  return found
}

function nodeProblem(role: unknown, node: unknown, path: readonly unknown[], anchors: Anchors): string | undefined {
  if (isAlias(node)) return aliasProblem(node, path, anchors)
  if (isCollection(node)) return define(node, anchors)
  if (!isScalar(node)) return undefined
  const problem = define(node, anchors)
  if (problem !== undefined || node.type !== 'PLAIN' || node.tag !== undefined) return problem
  return plainProblem(
    node.source ?? '',
    role === 'key',
    path.some((outer) => isCollection(outer) && outer.flow === true),
  )
}

function define(node: Node & { anchor?: string }, anchors: Anchors): string | undefined {
  if (node.anchor === undefined) return undefined
  if (anchors.has(node.anchor)) return 'has an anchor that is there already'
  anchors.set(node.anchor, node)
  return undefined
}

function aliasProblem(alias: Alias, path: readonly unknown[], anchors: Anchors): string | undefined {
  const target = anchors.get(alias.source)
  if (!target) return 'has an alias without anchor before it'
  return path.includes(target) ? 'has an alias of what it stands in' : undefined
}

function pairProblem(pair: Pair, anchors: Anchors): string | undefined {
  const { key, value } = pair
  const resolved = isAlias(key) ? anchors.get(key.source) : key
  if (isCollection(resolved)) return 'has a list or mapping as a key; quote a value that begins with {{'
  if (isKeyBroken(pair)) return 'has a key that is not on one line with its colon'
  if (!isScalar(key) || key.type !== 'PLAIN') return undefined
  if (key.source === '' && value !== null) return 'has a value without a key'
  if (key.source === '<<' && !isMergeable(value, anchors)) return 'merges (<<) what is no mapping'
  return undefined
}

function isKeyBroken({ srcToken }: Pair): boolean {
  if (!srcToken || srcToken.start.some(({ type }) => type === 'explicit-key-ind')) return false
  const between = srcToken.sep ?? []
  const colon = between.findIndex(({ type }) => type === 'map-value-ind')
  if (colon === -1) return false
  if (between.slice(0, colon).some(({ type }) => type === 'newline')) return true
  return srcToken.key ? CST.stringify(srcToken.key).trimEnd().includes('\n') : false
}

function isMergeable(value: unknown, anchors: Anchors): boolean {
  const node = isAlias(value) ? anchors.get(value.source) : value
  if (isSeq(node)) return node.items.every((item) => isMap(isAlias(item) ? anchors.get(item.source) : item))
  return isMap(node)
}

const DATE =
  /^\d{4}-\d\d-\d\d$|^\d{4}-\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?$/
// Python takes integers of 4300 digits at most, and none without digits.
const NO_NUMBER = /^[-+]?(?:0[bx]_+|[0-9_]{4301,})$/

/** A plain scalar is a value of its looks: a date has to be one. Within brackets PyYAML ends it at a question mark. */
function plainProblem(source: string, isKey: boolean, inFlow: boolean): string | undefined {
  if (inFlow && /^:|\?/.test(source))
    return 'has a value in brackets that must be quoted: it begins with ":" or has a "?"'
  if (source === '=' && !isKey) return 'has a bare "=", which is no value; quote it'
  if (source === '<<' && !isKey) return 'has a bare "<<", which is no value; quote it'
  if (NO_NUMBER.test(source)) return 'has what looks like a number and is none; quote it'
  return DATE.test(source) && !isDate(source) ? 'has what looks like a date and is none; quote it' : undefined
}

function isDate(source: string): boolean {
  const [year = 0, month = 0, day = 0, hours = 0, minutes = 0, seconds = 0] = source.split(/\D+/).map(Number)
  const zoneHours = Number(/[-+](\d\d?)(?::\d\d)?$/.exec(source.slice(10))?.[1] ?? 0)
  // Any leap year's rule repeats after 400 years, and Date.UTC takes years below 100 for others.
  const lastDay = new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate()
  const isDay = year > 0 && 1 <= month && month <= 12 && 1 <= day && day <= lastDay
  return isDay && hours < 24 && minutes < 60 && seconds < 60 && zoneHours < 24
}

function offsetOf(node: unknown): number {
  return isAlias(node) || isScalar(node) || isCollection(node) ? (node.range?.[0] ?? 0) : 0
}

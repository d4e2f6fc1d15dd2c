/** Escape sequences of terminals: CSI (colours), OSC (titles), and the short ones. */
const ESCAPES = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-Z\\^-~])/g
const CONTROLS = /[\0-\x08\x0b-\x1f\x7f]/g

/** A console line without escape sequences and control characters (a carriage return among them), and no blanks at its end. */
export function cleanLine(line: string): string {
  return line.replaceAll(ESCAPES, '').replaceAll(CONTROLS, '').trimEnd()
}

/** Anything as one printable line of at most `maxCharacters`. */
export function oneLine(text: string, maxCharacters: number): string {
  const line = text
    .slice(0, maxCharacters * 4)
    .toWellFormed()
    .replaceAll(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
  return line.length > maxCharacters ? `${line.slice(0, maxCharacters - 1).toWellFormed()}…` : line
}

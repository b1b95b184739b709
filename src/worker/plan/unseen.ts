/**
 * Characters that are invisible or blank on screen: all white space, format characters (zero-width
 * space, direction marks, byte order marks within the text) and other code points that Unicode
 * marks as ignorable. Text copied from a page or spreadsheet may contain them; ids and names never
 * do.
 */
const UNSEEN = /^[\s\p{Cf}\p{Default_Ignorable_Code_Point}]$/u

function isUnseen(codePoint: number): boolean {
  return UNSEEN.test(String.fromCodePoint(codePoint))
}

/** A value without invisible characters around it. */
export function trimmed(text: string): string {
  let from = 0
  let to = text.length
  while (from < to) {
    const first = text.codePointAt(from) ?? 0
    if (isPlain(first) || !isUnseen(first)) break
    from += widthOf(first)
  }
  while (to > from) {
    const last = codePointBefore(text, to)
    if (isPlain(last) || !isUnseen(last)) break
    to -= widthOf(last)
  }
  return text.slice(from, to)
}

/** Most values are ASCII and need no lookup. */
const isPlain = (codePoint: number) => codePoint > 32 && codePoint < 127
const widthOf = (codePoint: number) => (codePoint > 0xffff ? 2 : 1)

function codePointBefore(text: string, to: number): number {
  const pair = to > 1 ? (text.codePointAt(to - 2) ?? 0) : 0
  return pair > 0xffff ? pair : text.charCodeAt(to - 1)
}

/** Format characters within a value, as in `U+200B`; each once, in order of appearance. */
export function unseenWithin(text: string): readonly string[] {
  return [...new Set(text.match(HIDDEN) ?? [])].map(nameOf)
}

/** The text with each format character spelled out, for messages. */
export function withUnseenSpelled(text: string): string {
  return text.replaceAll(HIDDEN, nameOf)
}

/** The text without format characters and without blanks other than the space. */
export function withoutUnseen(text: string): string {
  return text.replaceAll(HIDDEN, '')
}

/** Unlike ordinary blanks, these cannot be seen in a message. */
const HIDDEN = /(?! )[\p{Zs}\p{Zl}\p{Zp}\p{Cf}\p{Default_Ignorable_Code_Point}]/gu

function nameOf(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`
}

/**
 * Shows a value that may be personal data by its first 3 characters and its length. Control
 * characters become dots because the text is shown on terminals. Format characters are spelled out.
 */
export function clip(value: string): string {
  const length = lengthOf(value)
  const start = [...value.slice(0, 6)]
    .slice(0, 3)
    .join('')
    .replaceAll(/\p{Cc}/gu, '.')
  return `${withUnseenSpelled(start)}${length > 3 ? '…' : ''} (${length} ${length === 1 ? 'character' : 'characters'})`
}

/** Counts a surrogate pair as one character. */
function lengthOf(value: string): number {
  let length = value.length
  for (let i = 0; i < value.length; i++) if (value.charCodeAt(i) >> 10 === 0x37) length--
  return length
}

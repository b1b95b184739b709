/**
 * Foreign text made safe to show. Whatever a caller, Salesforce or a file name put into a string may
 * hold control characters, and a terminal obeys them: OSC 52 writes to the clipboard, CSI moves the
 * cursor and hides lines, bidirectional overrides reorder what is read.
 */

/**
 * Everything that a terminal or a log viewer may act on instead of showing: C0, DEL and C1 controls,
 * format characters (bidirectional ones, the zero-width space, the byte order mark), line and paragraph
 * separators, and the whole block of tags, also where it has no characters yet. Joiners stay: names in
 * some scripts, and emoji, are written with them.
 */
const UNSAFE = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\u2028\u2029\u{e0000}-\u{e007f}]/gu

/** The same without the line feed. */
const UNSAFE_IN_LINES = /(?![\n\u200c\u200d])[\p{Cc}\p{Cf}\u2028\u2029\u{e0000}-\u{e007f}]/gu

/**
 * One line of text: each unsafe character, line feeds included, becomes its escape, as in `\u001b`.
 * For a value from outside within a sentence or a table cell, where a line feed would forge a line.
 */
export function visible(text: string): string {
  return text.replace(UNSAFE, escaped)
}

/**
 * The same for a text of several lines. In a JSON text the escapes mean the characters that they
 * replace, so that it parses to the same value.
 */
export function visibleLines(text: string): string {
  return text.replace(UNSAFE_IN_LINES, escaped)
}

/** As in JSON: a character beyond the Basic Multilingual Plane is two escapes. */
function escaped(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')
}

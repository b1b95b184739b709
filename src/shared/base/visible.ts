/**
 * Makes text from outside safe to show. Text from callers, Salesforce or file names may hold control
 * characters, and a terminal acts on them: OSC 52 writes to the clipboard, CSI moves the cursor and
 * hides lines, bidirectional overrides reorder the text.
 */

/**
 * Everything that a terminal or log viewer may act on instead of showing: C0, DEL and C1 controls,
 * format characters (bidirectional, zero-width space, byte order mark), line and paragraph separators,
 * and the whole tag block, unassigned characters included. Joiners are kept: names in some scripts,
 * and emoji, need them.
 */
const UNSAFE = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\u2028\u2029\u{e0000}-\u{e007f}]/gu

/** The same, but line feeds are allowed. */
const UNSAFE_IN_LINES = /(?![\n\u200c\u200d])[\p{Cc}\p{Cf}\u2028\u2029\u{e0000}-\u{e007f}]/gu

/**
 * One line of text: each unsafe character, line feeds included, becomes an escape such as `\u001b`. For
 * a value within a sentence or table cell, where a line feed would forge a line.
 */
export function visible(text: string): string {
  return text.replace(UNSAFE, escaped)
}

/**
 * The same for a text of several lines. JSON text escaped in this way parses to the same value.
 */
export function visibleLines(text: string): string {
  return text.replace(UNSAFE_IN_LINES, escaped)
}

/** As in JSON: a character outside the Basic Multilingual Plane becomes two escapes. */
export function escaped(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')
}

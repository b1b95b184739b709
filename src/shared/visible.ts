/**
 * Foreign text made safe to show. Whatever a caller, Salesforce or a file name put into a string may
 * hold control characters, and a terminal obeys them: OSC 52 writes to the clipboard, CSI moves the
 * cursor and hides lines, bidirectional overrides reorder what is read.
 */

/**
 * Everything that a terminal or a log viewer may act on instead of showing: C0, DEL and C1 controls,
 * bidirectional formatting, line and paragraph separators, the byte order mark.
 */
const UNSAFE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029\ufeff]/gu

/** The same without the line feed. */
const UNSAFE_IN_LINES = /(?!\n)[\p{Cc}\p{Bidi_Control}\u2028\u2029\ufeff]/gu

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

/** Every unsafe character is in the Basic Multilingual Plane: four digits are enough. */
function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

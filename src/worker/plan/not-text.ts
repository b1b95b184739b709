import { RefusedError } from '../../shared/base/errors.ts'
import type { SourceText } from '../../shared/contract/sources/kind.ts'
import { isBlank, isLineEnd } from '../../shared/csv/record.ts'

/**
 * Refuses input that is not a text of rows and names its format. People have submitted each of
 * these.
 *
 * @param bytes the start of the source
 * @throws RefusedError NOT_TEXT
 */
export function assertText(bytes: Uint8Array, text: SourceText): void {
  const problem = problemOf(bytes, text)
  if (problem === undefined) return
  throw new RefusedError('NOT_TEXT', `The source is not a text of record ids. ${problem}`)
}

function problemOf(bytes: Uint8Array, text: SourceText): string | undefined {
  const [, format] = FORMATS.find(([magic]) => startsWith(bytes, magic)) ?? []
  if (format !== undefined) return format
  const [, compression] = COMPRESSIONS.find(([magic]) => startsWith(bytes, magic)) ?? []
  if (compression !== undefined) return compressed(compression, text)
  if (startsWith(bytes.subarray(257), latin1('ustar'))) return TAR
  const start = Buffer.from(bytes.subarray(0, 1024)).toString('latin1')
  const [, markup] = MARKUPS.find(([form]) => form.test(start)) ?? []
  return markup ?? problemOfControls(bytes)
}

const latin1 = (text: string) => Buffer.from(text, 'latin1')

function startsWith(bytes: Uint8Array, magic: Uint8Array): boolean {
  return magic.every((byte, at) => bytes[at] === byte)
}

const UTF_16 =
  'It is UTF-16: save it as UTF-8 (Excel: "CSV UTF-8"; PowerShell: Out-File -Encoding utf8).'
const UTF_32 = 'It is UTF-32: save it as UTF-8.'
const TAR = 'It is a tar archive: extract the CSV from it first.'

/** Longer magic numbers come first: UTF-32 begins like UTF-16. */
const FORMATS: readonly (readonly [magic: Uint8Array, problem: string])[] = [
  [latin1('\xff\xfe\0\0'), UTF_32],
  [latin1('\0\0\xfe\xff'), UTF_32],
  [latin1('\xff\xfe'), UTF_16],
  [latin1('\xfe\xff'), UTF_16],
  [latin1('PK\x03\x04'), 'It is a ZIP archive or an Excel workbook: save it as CSV (UTF-8).'],
  [latin1('PK\x05\x06'), 'It is an empty ZIP archive.'],
  [latin1('\xd0\xcf\x11\xe0'), 'It is an old Office document: save it as CSV (UTF-8).'],
  [latin1('%PDF'), 'It is a PDF: export the ids as CSV.'],
  [latin1('PAR1'), 'It is a Parquet file: export the ids as CSV.'],
  [latin1('Obj\x01'), 'It is an Avro file: export the ids as CSV.'],
  [latin1('SQLite format 3\0'), 'It is an SQLite database: export the ids as CSV.'],
  [latin1('{\\rtf'), 'It is a rich text document: save it as plain text (UTF-8).'],
]

const COMPRESSIONS: readonly (readonly [magic: Uint8Array, name: string])[] = [
  [latin1('\x1f\x8b'), 'gzip'],
  [latin1('\x28\xb5\x2f\xfd'), 'zstd'],
  [latin1('BZh'), 'bzip2'],
  [latin1('\xfd7zXZ\0'), 'xz'],
  [latin1('\x04\x22\x4d\x18'), 'lz4'],
  [latin1('7z\xbc\xaf\x27\x1c'), '7-Zip'],
]

function compressed(name: string, { isDecompressed }: SourceText): string {
  const isRead = name === 'gzip' || name === 'zstd'
  if (!isRead) return `It is compressed with ${name}: decompress it first.`
  if (isDecompressed) return `It is ${name} within another compression: compress it once only.`
  return `It is compressed with ${name}, and an upload is read as it comes: decompress it first.`
}

/** Markup whose first characters cannot begin a header or an id. */
const MARKUPS: readonly (readonly [form: RegExp, problem: string])[] = [
  [
    /^(?:\xef\xbb\xbf)?\s*(?:\{\s*["}]|\[\s*["{[\]])/,
    'It is JSON: send the ids as "ids" of the request\'s source, or export them as CSV.',
  ],
  [
    /^(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|head|body|table)\b/i,
    'It is an HTML page, perhaps of a login or an error: check the URL, or download the CSV again.',
  ],
  [/^(?:\xef\xbb\xbf)?\s*<(?:\?xml|!--)/i, 'It is XML: export the ids as CSV.'],
  [
    /^--[^\r\n]{1,80}\r?\ncontent-disposition:/i,
    'It is a multipart form: send the CSV itself as the body (curl --data-binary @ids.csv).',
  ],
]

/** This few control characters may occur in a note of some column, whatever the text's length. */
const FEW_CONTROLS = 3

function problemOfControls(bytes: Uint8Array): string | undefined {
  let controls = 0
  const zeros = [0, 0, 0, 0]
  for (const [at, byte] of bytes.entries()) {
    if (byte === 0) zeros[at % 4] = (zeros[at % 4] ?? 0) + 1
    if (byte < 32 && !isBlank(byte) && !isLineEnd(byte)) controls++
  }
  if (controls <= Math.max(FEW_CONTROLS, bytes.length / 50)) return undefined
  return wideText(zeros, bytes.length) ?? namedControls(zeros)
}

/**
 * Text of two or four bytes per character without a mark: ASCII leaves zeros at fixed positions.
 */
function wideText(zeros: readonly number[], length: number): string | undefined {
  const isZero = zeros.map((count) => count > 0.8 * Math.floor(length / 4))
  const all = isZero.map(Number).join('')
  if (all === '0111' || all === '1110') return UTF_32
  return all === '0101' || all === '1010' ? UTF_16 : undefined
}

function namedControls(zeros: readonly number[]): string {
  const isBinary = zeros.some((count) => count > 0)
  return isBinary ? 'It holds NUL bytes, as binary files do.' : 'It holds control characters.'
}

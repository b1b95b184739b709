import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { RefusedError } from '../../../src/shared/base/errors.ts'
import { SOURCES } from '../../../src/shared/contract/sources/sources.ts'
import type { ScanOptions } from '../../../src/worker/plan/scan.ts'
import { id15, id18 } from '../../helpers/ids.ts'
import { judgeText, scanText } from './texts.ts'

/** Tables as spreadsheets, reports, web pages and old programs leave them. */

const A = id18(1)
const B = id18(2)
const X = id18(9)
const LEAD = id18(1, '00Q')
const both = [id15(1), id15(2)]

/** Every text holds ids 1 and 2 of Contact, in that order. */
const READ: Record<string, readonly [text: string | Uint8Array, options?: Partial<ScanOptions>]> = {
  'rows of commas in the middle and at the end': [
    `Id,First Name,Last Name\r\n${A},Ann,Ash\r\n,,\r\n${B},Cy,Cedar\r\n,,\r\n,,\r\n , ,\r\n`,
  ],
  'rows of commas above the header': [
    `,,\r\n;;\r\n\r\nId,First Name,Last\r\n${A},a,b\r\n${B},c,d\r\n`,
  ],
  'quoted blanks above the header': [`"","\u00a0"\r\n" "\r\nId,Name\r\n${A},a\r\n${B},b\r\n`],
  'one column with a separator behind it': [`Id,\r\n${A},\r\n${B},\r\n,\r\n,\r\n`],
  'rows of commas below one column': [`Id\n${A}\n,,\n${B}\n"",""\n;\n`],
  'blanks of every kind between rows': [`Id\n${A}\n\u00a0\n"\u3000"\n\u200b\n${B}\n""\n\u2060\n`],
  'blanks of every kind in rows of a table': [
    `Id,x\n${A},1\n\u00a0,"\u200b"\n\u00ad\n${B},2\n,\u3000\n`,
  ],
  'a blank row over two lines': [`Id,x\n${A},1\n"\n",\n${B},2\n`],
  'a line that names the semicolon': [`sep=;\r\nId;Name\r\n${A};Ann\r\n${B};Bob\r\n`],
  'a line that names the comma': [`sep=,\r\nId,Name\r\n${A},Ann\r\n${B},Bob\r\n`],
  'a line that names the tab': [`SEP=\t\r\nId\tName\r\n${A}\tAnn\r\n${B}\tBob\r\n`],
  'a quoted line that names the separator': [`"sep=,"\r\nId,Name\r\n${A},Ann\r\n${B},Bob\r\n`],
  'a line that names the separator, saved as a row': [`"sep=;";;\nId;a;b\n${A};1;2\n${B};3;4\n`],
  'a line that names the separator, below a mark': [`\ufeffsep=|\nId|Name\n${A}|x\n${B}|y\n`],
  'a named separator where another is more frequent': [
    `sep=;\nId;"a,b,c,Id"\n${A};"1,2,3"\n${B};"4,5,6"\n`,
  ],
  'a named separator that the text does not need': [`sep=,\nId\n${A}\n${B}\n`],
  'a title, filters and empty lines above a named header': [
    `Contacts to erase 2026\n\nFiltered By: Show: All contacts\n\n"Contact ID","First Name"\n"${A}","Ann"\n"${B}","Bob"\n`,
    { column: 'Contact ID' },
  ],
  'titles that fill a row of a spreadsheet': [
    `Contacts,,\r\n"As of 2026; all",,\r\nName,Key,x\r\na,${A},1\r\nb,${B},2\r\n`,
    { column: 'key' },
  ],
  'titles above a named header of one column': [`My list\n\nKey\n${A}\n${B}\n`, { column: 'Key' }],
  'a header in line 20': [`${'title\n'.repeat(19)}Key;x\n${A};1\n${B};2\n`, { column: 'Key' }],
  'titles that name an id of another object, and long words': [
    `Filtered By: Account ID equals 0015f00000000G8AAI\nKontaktberichte\nDeletions2026Q3\nKey;x\n${A};1\n${B};2\n`,
    { column: 'Key' },
  ],
  'titles below a line that names the separator': [
    `sep=;\nMine, all of them\nKey;x\n${A};1\n${B};2\n`,
    { column: 'Key' },
  ],
  'a zero-width space behind an id': [`Id,Name\n${A}\u200b,Ann\n${B},Bob\n`],
  'a direction mark before an id': [`Id\n\u200e${A}\n${B}\u200f\u202c\n`],
  'a soft hyphen, a word joiner and a tag': [`Id\n\u00ad${A}\u2060\n"${B}\u{e0001}"\n`],
  'a zero-width space in the header': [`Id\u200b,Name\n${A},Ann\n${B},Bob\n`],
  'a zero-width space in a named header': [
    `\u200bKey\u00a0,x\n${A},1\n${B},2\n`,
    { column: 'key' },
  ],
  'two byte order marks and quotes': [
    `\ufeff\ufeff"Id","Name"\r\n"${A}","Ann"\r\n"${B}","Bob"\r\n`,
  ],
  'a byte order mark below blank rows': [`,,\n\ufeff"Id","x"\n"${A}","1"\n"${B}","2"\n`],
  'a NUL in another column': [`Id,Description\n${A},"old \0 note"\n${B},fine\n`],
  'Ctrl-Z at the end of one column': [`Id\r\n${A}\r\n${B}\r\n\u001a`],
  'Ctrl-Z at the end of a table': [`Id,x\r\n${A},1\r\n${B},2\r\n\u001a`],
  'Ctrl-Z behind a quoted field': [`Id,x\r\n${A},1\r\n"${B}","2"${'\u001a'.repeat(9)}`],
  'Ctrl-Z behind the last id': [`Id\r\n${A}\r\n${B}\u001a`],
}

describe('a table is read that has', () => {
  for (const [what, [text, options]] of Object.entries(READ)) {
    test(what, async () => {
      for (const size of [1 << 20, 1, 7]) {
        const { ids, refused } = await scanText(text, { sizes: [size], ...options })
        assert.deepEqual({ ids, refused }, { ids: both, refused: [] }, `in chunks of ${size}`)
      }
    })
  }

  test('a hundred thousand blank rows above the header, whose lines count', async () => {
    const text = `${',,\r\n'.repeat(100_000)}Id,a,b\r\nnobody,1,2\r\n`
    const { refused } = await scanText(text, { sizes: [65_535] })
    assert.deepEqual(
      refused.map(({ line }) => line),
      [100_002],
    )
  })

  test('a sep= line and titles, whose lines count', async () => {
    const text = `sep=;\n\n"a\ntitle"\nKey;x\nnobody;1\n`
    const { refused } = await scanText(text, { column: 'Key' })
    assert.deepEqual(
      refused.map(({ line }) => line),
      [6],
    )
  })
})

const utf32le = (text: string): Uint8Array =>
  Buffer.concat(Array.from(text, (char) => Buffer.of(char.charCodeAt(0), 0, 0, 0)))
const utf32be = (text: string): Uint8Array => Buffer.from(utf32le(text)).reverse()
const utf16be = (text: string): Uint8Array => Buffer.from(text, 'utf16le').swap16()
const tar = Buffer.alloc(1024)
tar.write('ids.csv')
tar.write('ustar', 257)

type Refusal = readonly [
  code: string,
  text: string | Uint8Array,
  message: RegExp,
  options?: Partial<ScanOptions>,
]

const REFUSED: Record<string, Refusal> = {
  'a title above the header, though no column is named': [
    'NO_ID_COLUMN',
    `Contacts to erase 2026\n\n"Contact ID","First Name"\n"${A}","Ann"\n`,
    /Line 3 contains "Contact ID"\. .* set column to "Contact ID"\.$/,
  ],
  'neither header nor titles': [
    'NO_ID_COLUMN',
    'Name,Email\nx,y\n',
    /holds: "Name", "Email"\. .* first 20 lines\. To specify the column, set column\.$/,
  ],
  'another name than the one of the column': [
    'NO_ID_COLUMN',
    `Id,Name\n${A},x\n`,
    /named "Key".* looked for in the first 20 lines.* Check how it is spelled/,
    { column: 'Key' },
  ],
  'ids above a header that is named': [
    'NO_ID_COLUMN',
    `${A},Ann\n${B},Bob\nKey,Name\n${X},Cy\n`,
    /named "Key"/,
    { column: 'Key' },
  ],
  'ids under a title above a header that is named': [
    'NO_ID_COLUMN',
    `First list: ${A}\nKey,Name\n${X},Cy\n`,
    /named "Key"/,
    { column: 'Key' },
  ],
  'ids of another object above a header that is named': [
    'NO_ID_COLUMN',
    `Lead ID,Name\n${LEAD},Ann\n\nKey,Name\n${X},Cy\n`,
    /named "Key".* above the first id/,
    { column: 'Key' },
  ],
  'ids in one case above a header that is named': [
    'NO_ID_COLUMN',
    `Mine\n${A.toLowerCase()}\nKey\n${id15(9)}\n`,
    /named "Key"/,
    { column: 'Key' },
  ],
  'ids with another checksum above a header that is named': [
    'NO_ID_COLUMN',
    `${id15(1)}ZZZ,Ann\nKey,Name\n${X},Cy\n`,
    /named "Key"/,
    { column: 'Key' },
  ],
  'ids that lost their end above a header that is named': [
    'NO_ID_COLUMN',
    `"${A.slice(0, 17)}",Ann\nKey,Name\n${X},Cy\n`,
    /named "Key"/,
    { column: 'Key' },
  ],
  'ids with format characters within above a header that is named': [
    'NO_ID_COLUMN',
    `${A.slice(0, 9)}\u200b${A.slice(9)},Ann\nKey,Name\n${X},Cy\n`,
    /named "Key"/,
    { column: 'Key' },
  ],
  'a header below ids of another object, though no column is named': [
    'NO_ID_COLUMN',
    `Lead ID,Name\n${LEAD},Ann\n\nId,Name\n${X},Cy\n`,
    /may be in any of the first \d+ lines\. To specify the column, set column\./,
  ],
  'a title beside empty cells, where the column has no name': [
    'NO_ID_COLUMN',
    `Contacts\nAs of 2026,\nId,Reports To\n${A},${X}\n`,
    /named " "/,
    { column: ' ' },
  ],
  'a named header in line 21': [
    'NO_ID_COLUMN',
    `${'title\n'.repeat(20)}Key;x\n${A};1\n`,
    /named "Key"/,
    { column: 'Key' },
  ],
  'an open quote in a title': [
    'BROKEN_CSV',
    `Mine\n"so\nKey,x\n${A},1\n`,
    /^Line 2: /,
    { column: 'Key' },
  ],
  'a title twice over the named column': [
    'AMBIGUOUS_ID_COLUMN',
    `Mine\nKey,key\n${A},${X}\n`,
    /"Key" or "key"/,
    { column: 'KEY' },
  ],
  'a separator that is not read': ['NO_ID_COLUMN', `sep=:\nId:Name\n${A}:x\n`, /"sep=:", names/],
  'another separator than the one that is named': [
    'NO_ID_COLUMN',
    `sep=;\nId,Name\n${A},Ann\n`,
    /holds: "Id,Name"/,
  ],
  'a second table below, with its own mark and header': [
    'BROKEN_CSV',
    `\ufeff"Id","Name"\r\n"${A}","Ann"\r\n\ufeff"Id","Name"\r\n"${B}","Bob"\r\n`,
    /^Line 3: .* second byte order mark/,
  ],
  'a second table below that names its separator': [
    'BROKEN_CSV',
    `Id,Name\n${A},Ann\nsep=,\nId,Name\n${B},Bob\n`,
    /^Line 4: .* second header/,
  ],
  'two columns of one name': [
    'AMBIGUOUS_ID_COLUMN',
    `Id,Name,Id\n${A},Ann,${A}\n`,
    /same name and cannot be told apart: rename or remove/,
  ],
  'two columns of one name, which is named': [
    'AMBIGUOUS_ID_COLUMN',
    `Id,Name,Id\n${A},Ann,${A}\n`,
    /cannot be told apart/,
    { column: 'Id' },
  ],
  'two columns whose names differ': [
    'AMBIGUOUS_ID_COLUMN',
    `Id,Contact ID\n${A},${A}\n`,
    /Specify "Id" or "Contact ID"\. To specify the column, set column\.$/,
  ],
  'a zero-width space within the header': ['NO_ID_COLUMN', 'I\u200bd,Name\n', /holds: "IU\+200Bd"/],
  'UTF-16 with a mark': ['NOT_TEXT', utf16be(`\ufeffId\n${A}\n`), /is UTF-16/],
  'UTF-16 without a mark': ['NOT_TEXT', utf16be(`Id\n${A}\n`), /is UTF-16/],
  'UTF-32 with a mark': ['NOT_TEXT', utf32le(`\ufeffId\n${A}\n`), /is UTF-32/],
  'UTF-32 without a mark': ['NOT_TEXT', utf32le(`Id\n${A}\n`), /is UTF-32/],
  'UTF-32 in the other order': ['NOT_TEXT', utf32be(`\n${A}\nId`), /is UTF-32/],
  'many NUL bytes': [
    'NOT_TEXT',
    Buffer.from(`Id\n${'\0\0\0a'.repeat(9)}bcd\0`),
    /NUL bytes, as bin/,
  ],
  'a tar archive': ['NOT_TEXT', tar, /is a tar archive/],
  'an empty ZIP archive': ['NOT_TEXT', Buffer.from('PK\x05\x06aaaa'), /is an empty ZIP/],
  Parquet: ['NOT_TEXT', Buffer.from('PAR1\x15\x04'), /is a Parquet file/],
  bzip2: ['NOT_TEXT', Buffer.from('BZh91AY&SY'), /compressed with bzip2/],
  'gzip in an upload': [
    'NOT_TEXT',
    gzipSync('Id\n'),
    /upload is read as it comes/,
    { text: SOURCES.upload.text },
  ],
  'gzip within a compressed file': [
    'NOT_TEXT',
    gzipSync('Id\n'),
    /gzip within another compression: compress it once/,
    { text: SOURCES.file.text },
  ],
  'zstd in an upload': [
    'NOT_TEXT',
    zstdCompressSync('Id\n'),
    /zstd, and/,
    { text: SOURCES.upload.text },
  ],
  'JSON of a request': ['NOT_TEXT', `{"ids":["${A}"]}`, /is JSON: send the ids as "ids"/],
  'JSON of ids': ['NOT_TEXT', `\ufeff[\n  "${A}",\n  "${B}"\n]`, /is JSON/],
  'a page of HTML': ['NOT_TEXT', '\n<!DOCTYPE html>\n<html><body>Login', /is an HTML page/],
  XML: ['NOT_TEXT', '<?xml version="1.0"?>\n<Workbook/>', /is XML/],
  'a multipart form': [
    'NOT_TEXT',
    `--x7\r\nContent-Disposition: form-data; name="f"\r\n\r\nId\r\n${A}\r\n--x7--`,
    /is a multipart form/,
  ],
  'no bytes in an upload': [
    'EMPTY_SOURCE',
    '',
    /^The upload is empty/,
    { text: SOURCES.upload.text },
  ],
  'a sep= line alone': ['EMPTY_SOURCE', 'sep=,\r\n', /empty/],
  'rows of commas alone': ['EMPTY_SOURCE', ',,\r\n"",\r\n\u001a', /empty/],
  'lost line ends in an upload': [
    'BROKEN_CSV',
    `Id,Name${A},Ann,${B},Bob`,
    /got an id of a Contact \(curl -d takes line ends away/,
    { text: SOURCES.upload.text },
  ],
}

describe('a source is refused for', () => {
  for (const [what, [code, text, message, options]] of Object.entries(REFUSED)) {
    test(what, async () => {
      for (const size of [1 << 20, 1]) {
        await assert.rejects(scanText(text, { sizes: [size], ...options }), (error) => {
          assert.ok(error instanceof RefusedError, String(error))
          assert.deepEqual([error.code, message.test(error.message)], [code, true], error.message)
          return true
        })
      }
    })
  }
})

test('what stays within a value that is no id is spelled out', async () => {
  const text = `Id,x\n00\u200b${A.slice(2)},1\n0035f\u00a0\u2060x,2\n\u0000abc,3\n`
  const { refused } = await scanText(text)
  assert.deepEqual(
    refused.map(({ line, value, detail }) => [line, value, detail]),
    [
      [2, '00U+200B… (19 characters)', 'not a 15- or 18-character record id: U+200B within'],
      [3, '003… (8 characters)', 'not a 15- or 18-character record id: U+00A0, U+2060 within'],
      [4, '.ab… (4 characters)', 'not a 15- or 18-character record id'],
    ],
  )
})

test('lines of a list within a request are numbered by its ids', async () => {
  const { refused } = await scanText(`Id\n${A}\nnobody\n`, { text: SOURCES.ids.text })
  assert.deepEqual(
    refused.map(({ line }) => line),
    [2],
  )
})

test('ids whose case changed are seen though something unseen stands beside them', async () => {
  const ids = Array.from({ length: 300 }, (_, n) => `\u200e${id15(n * 7919).toUpperCase()}\u200b`)
  const damage = await judgeText(`Id\n${ids.join('\n')}\n`)
  assert.equal(damage?.code, 'CASE_DAMAGED')
})

test('an id that moved to another column is seen though something unseen stands beside it', async () => {
  const moved = scanText(`Id,AccountId\n${A},x\nx,\u200b${B}\u200b\n`)
  await assert.rejects(moved, { code: 'BROKEN_CSV', message: /^Line 3: .* column 2/ })
})

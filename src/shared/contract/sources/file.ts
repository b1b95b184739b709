import { isAbsolute } from 'node:path'
import { z } from 'zod'
import { boundedText } from '../portable-schema.ts'
import { digest } from '../receipt.ts'
import { column, PLAIN_TEXT, sourceKind } from './kind.ts'
import { isAtOrUnder, readSourceFile, type SourceContent } from './read-file.ts'

// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what it excludes.
const NO_NUL = /^[^\x00]*$/
/** File names have no NUL. Node would throw when it opens one. */
const path = boundedText(4096, 1).regex(NO_NUL, 'expected a path without NUL')
const sha256 = digest
  .optional()
  .describe('SHA-256 of the bytes of the file. A file that holds others is not planned.')

/** A file on the worker's machine, under one of the org's roots. */
export const file = sourceKind({
  schema: z.strictObject({ type: z.literal('file'), path, sha256, column }),
  stored: z.object({ type: z.literal('file'), path: z.string(), sha256, column }),
  text: PLAIN_TEXT,
  takesUpload: false,
  scope: {
    expected:
      'the absolute path of a folder or file ("*" without a list for every root of the workers)',
    parse: (text) => (isAbsolute(text) && !text.split('/').includes('..') ? text : undefined),
    // A relative path starts at a root of the worker, which is not known here.
    holds: (places, { path }) =>
      isAbsolute(path) &&
      !path.split(/[/\\]/).includes('..') &&
      places.some((place) => isAtOrUnder(path, place)),
  },
  toStored: (source) => source,
  stage: () => null,
  count: () => null,
  place: ({ path }) => ({ path }),
  pin: async (source, places, signal) => {
    if (source.sha256 !== undefined || places.roots.length === 0) return source
    let pinned = source
    const ended = async ({ sha256 }: SourceContent) => {
      pinned = { ...source, sha256 }
    }
    for await (const _ of readSourceFile({ path: source.path, ...places }, { ended }, signal));
    return pinned
  },
})

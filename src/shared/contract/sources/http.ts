import { z } from 'zod'
import { matchesUrl, parseUrlPattern, type UrlPattern } from '../../base/url-pattern.ts'
import { column, PLAIN_TEXT, sourceKind } from './kind.ts'

/** Signed URLs of buckets, with their session's token, take up to about 3,000 characters. */
const MOST_CHARACTERS = 8192

const url = z
  .url({ protocol: /^https?$/, error: 'expected a URL with http or https' })
  .max(MOST_CHARACTERS)
  .refine(hasNoLogin, 'expected a URL without user and password')

/** A list that workers download. Whether they may read this origin, their configuration decides. */
export const http = sourceKind({
  schema: z.strictObject({ type: z.literal('http'), url, column }),
  stored: z.object({ type: z.literal('http'), url: z.string(), column }),
  text: { ...PLAIN_TEXT, subject: 'The download' },
  takesUpload: false,
  scope: {
    expected:
      'the origin of URLs and, optionally, the first segments of their path, such as https://exports.example.com/crm',
    parse: (text) => (patternOf(text) === undefined ? undefined : text),
    holds: (places, { url }) => {
      const parsed = URL.parse(url)
      return (
        parsed !== null &&
        places.some((place) => {
          const pattern = patternOf(place)
          return pattern !== undefined && matchesUrl(pattern, parsed)
        })
      )
    },
  },
  toStored: ({ url, ...source }) => ({ ...source, url: url.replace(/#.*$/s, '') }),
  stage: () => null,
  count: () => null,
  place: ({ url }) => ({ url }),
  masked: ({ url, ...source }) => ({ ...source, url: maskedUrl(url) }),
})

function hasNoLogin(text: string): boolean {
  const url = URL.parse(text)
  return url === null || `${url.username}${url.password}` === ''
}

/** Without a wildcard: a key is for servers that are named. */
function patternOf(text: string): UrlPattern | undefined {
  const pattern = parseUrlPattern(text)
  return pattern?.isBelow === false ? pattern : undefined
}

/** A URL as people may see it: its query may let its holder read the list. */
export function maskedUrl(text: string): string {
  const url = URL.parse(text)
  if (url === null) return 'an invalid URL'
  return `${url.origin}${url.pathname}${url.search === '' ? '' : '?***'}`
}

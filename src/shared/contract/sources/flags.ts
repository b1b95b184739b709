/** A flag of `run` and `submit` for sources of one kind. */
interface SourceFlag {
  /** Placeholder of its value in help, such as `<list>`. */
  readonly value: string
  readonly summary: string
  /** What `read` expects, for the error message. */
  readonly expected: string
  /** The source as callers write it; undefined if the text is not valid. */
  read(text: string): { readonly type: string } | undefined
}

/**
 * The kinds of source that have a flag of their own; `--source` takes every kind. They are apart
 * from the schemas so that `--help` does not load zod, which takes as long as the rest of it.
 */
export const SOURCE_FLAGS = {
  ids: {
    value: '<list>',
    summary: 'record ids, separated by commas',
    expected: 'record ids separated by commas',
    read: (text) => {
      const ids = text.split(/[\s,]+/).filter((id) => id !== '')
      return ids.length === 0 ? undefined : { type: 'ids', ids }
    },
  },
  url: {
    value: '<url>',
    summary: 'list to download, plain or compressed with gzip or zstd',
    expected: 'a URL with https, without user and password',
    read: (text) => {
      const url = URL.parse(text)
      const isPlain = url !== null && `${url.username}${url.password}` === ''
      return isPlain && /^https?:$/.test(url.protocol) ? { type: 'http', url: text } : undefined
    },
  },
} satisfies Readonly<Record<string, SourceFlag>>

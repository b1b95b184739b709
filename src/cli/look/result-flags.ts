export const KINDS = ['failed', 'unprocessed', 'invalid', 'deleted'] as const
export type ResultsKind = (typeof KINDS)[number]

export interface ResultsFlags {
  readonly org?: string
  readonly results?: string
  readonly failed?: true
  readonly unprocessed?: true
  readonly invalid?: true
  readonly deleted?: true
  readonly json?: true
}

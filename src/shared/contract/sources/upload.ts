import { z } from 'zod'
import { column, PLAIN_TEXT, sourceKind } from './kind.ts'

/** Bytes that the caller passes with the request. */
export const upload = sourceKind({
  schema: z.strictObject({ type: z.literal('upload'), column }),
  stored: z.object({ type: z.literal('upload'), column }),
  text: {
    ...PLAIN_TEXT,
    subject: 'The upload',
    isDecompressed: false,
    lostLineEnds: ' (curl -d takes line ends away: use --data-binary)',
  },
  takesUpload: true,
  toStored: (source) => source,
  stage: (_, upload) => {
    if (upload === undefined) throw new TypeError('A request with an upload needs its bytes.')
    return upload
  },
  count: () => null,
  place: () => ({}),
})

import { readSecretFile, type SecretFile, whyUnreadable } from '../base/text-file.ts'

/** A secret of a login, as it is when it is asked for: files are rotated under a running worker. */
export interface Secret {
  /** Read anew where it comes from a file. What cannot be used there leaves the last one good. */
  read(): Promise<string>
  /** What to do once Salesforce has refused what was read last. Holds no secret. */
  advice(): string
}

interface SecretSource {
  /** As it was at the start. */
  readonly text: string
  readonly file: SecretFile | undefined
  /** What the environment calls it: `SALESFORCE_CLIENT_SECRET`. */
  readonly variable: string
  /** False for a text that can be no such secret: a file that is being written, or the wrong one. */
  readonly isUsable: (text: string) => boolean
}

export function secretFrom({ text, file, variable, isUsable }: SecretSource): Secret {
  if (file === undefined) {
    const advice =
      `Set the new ${variable} and start again; given as ${variable}_FILE, it is read anew at ` +
      'every login.'
    return { read: async () => text, advice: () => advice }
  }
  let last = text
  let trouble: string | undefined
  return {
    read: async () => {
      try {
        const now = await readSecretFile(file.path)
        trouble = isUsable(now) ? undefined : 'holds nothing that could be used'
        if (trouble === undefined) last = now
      } catch (error) {
        trouble = whyUnreadable(error)
      }
      return last
    },
    advice: () =>
      trouble === undefined
        ? `Write the new secret to the file of ${file.setting}: it is read anew at every login.`
        : `The file of ${file.setting}, ${file.path}, ${trouble}; the last secret known was used. ` +
          'Write the new one there: it is read anew at every login.',
  }
}

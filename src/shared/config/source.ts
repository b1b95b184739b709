/** Where settings come from: the environment, or a mapping of the configuration file. */

/**
 * A setting as its user wrote it. `name` is what messages call it: `EXPUNGE_MAX_IN_FLIGHT`, or
 * `orgs.emea.maxInFlight in /etc/expunge.yaml`. Relative paths start at `directory`. A `fault` says
 * why there is no usable text: it becomes a problem where the setting is read, not before.
 */
export type Setting = { readonly name: string; readonly directory: string } & (
  | { readonly text: string }
  | { readonly fault: string }
)

/** Settings by key, the same key in both places: `maxInFlight`. An empty value is not given. */
export interface SettingSource {
  get(key: string): Setting | undefined
  /** The elements of a list. An environment has none. */
  list(key: string): readonly Setting[] | undefined
  /** What a user would call the key: for what is missing. */
  nameOf(key: string): string
  /** The same without the place, where the message names that already. */
  shortNameOf(key: string): string
}

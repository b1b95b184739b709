import { z } from 'zod'
import { boundedText } from './portable-schema.ts'
import { invalidRequest } from './request-problems.ts'

/** Labels of a request: short texts of the caller's own, by which requests can be listed. */

const MOST_LABELS = 16
const NAME = /^[a-z][a-z0-9_-]{0,62}$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: to refuse them
const NO_CONTROLS = /^[^\x00-\x1f\x7f-\x9f]*$/

const nameSchema = z.string().regex(NAME)
const valueSchema = boundedText(200, 0, 'expected one text, as in ticket=4711').regex(
  NO_CONTROLS,
  'expected text without control characters',
)

const NAME_FORM = 'expected a name of 1 to 63 characters a-z, 0-9, "_" or "-", the first a letter'

const recordSchema = z
  .record(nameSchema, valueSchema, {
    error: ({ code }) =>
      code === 'invalid_key'
        ? NAME_FORM
        : 'expected an object with a text for each name, as in {"ticket": "4711"}',
  })
  .refine(
    (labels) => Object.keys(labels).length <= MOST_LABELS,
    `expected at most ${MOST_LABELS} labels`,
  )
  .meta({ maxProperties: MOST_LABELS })

// zod leaves out a key __proto__ without a word.
export const labelsSchema = z.preprocess((given: Record<string, string>, context) => {
  if (typeof given === 'object' && given !== null && Object.hasOwn(given, '__proto__')) {
    context.addIssue({ code: 'custom', path: ['__proto__'], message: NAME_FORM })
  }
  return given
}, recordSchema)
export type Labels = Readonly<z.output<typeof labelsSchema>>

// What is wrong is said by name, as in `label.ticket`, so this is only documented.
const LABEL_PATTERN = '^[a-z][a-z0-9_-]{0,62}=[^\\x00-\\x1f\\x7f-\\x9f]{0,200}$'

/** Labels where everything is text: `name=value`, repeated for each. */
export const labelTexts = z.preprocess(
  (given) => (typeof given === 'string' ? [given] : given),
  z.array(z.string().meta({ pattern: LABEL_PATTERN })).max(MOST_LABELS),
)

/**
 * The labels that texts such as `ticket=4711` name, for `labelsSchema` to check: it refuses a name
 * without a value, and one with several.
 */
export function labelsIn(texts: readonly string[]): Readonly<Record<string, unknown>> {
  const named = new Map<string, string | null>()
  for (const text of texts) {
    const [name = ''] = text.split('=', 1)
    const isWhole = text.length > name.length && !named.has(name)
    named.set(name, isWhole ? text.slice(name.length + 1) : null)
  }
  return Object.fromEntries(named)
}

/**
 * The labels that requests are to have.
 *
 * @throws InvalidRequestError naming every wrong one
 */
export function parseLabels(texts: readonly string[]): Labels {
  const parsed = z.object({ label: labelsSchema }).safeParse({ label: labelsIn(texts) })
  if (!parsed.success) throw invalidRequest(parsed.error)
  return parsed.data.label
}

export const hasLabels = (labels: Labels, wanted: Labels): boolean =>
  Object.entries(wanted).every(([name, value]) => labels[name] === value)

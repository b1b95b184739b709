import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { z } from 'zod'

/** The Prometheus rules and their unit tests, as far as tests look at them. */

export const RULES = fileURLToPath(new URL('../../grafana/rules/', import.meta.url))
/** Prometheus serves what is in it beneath /consoles. */
export const RUNBOOKS = fileURLToPath(new URL('../../grafana/runbooks/', import.meta.url))

const texts = z.record(z.string(), z.string())
const recording = z.strictObject({ record: z.string(), expr: z.string() })
const alert = z.strictObject({
  alert: z.string(),
  expr: z.string(),
  for: z.string().optional(),
  labels: texts,
  annotations: texts,
})
const rulesSchema = z.object({
  groups: z.array(z.object({ name: z.string(), rules: z.array(z.union([recording, alert])) })),
})

const caseSchema = z.object({ alertname: z.string(), exp_alerts: z.array(z.unknown()) })
const testsSchema = z.object({
  tests: z.array(z.object({ alert_rule_test: z.array(caseSchema) })),
})

export interface Rules {
  readonly recordings: readonly z.output<typeof recording>[]
  readonly alerts: readonly z.output<typeof alert>[]
  /** What the unit tests expect: of which alert, and how many of it. */
  readonly cases: readonly z.output<typeof caseSchema>[]
  readonly ruleFiles: readonly string[]
  readonly testFiles: readonly string[]
}

export async function readRules(): Promise<Rules> {
  const names = (await readdir(RULES)).sort()
  const ruleFiles = names.filter((name) => name.endsWith('.rules.yml'))
  const testFiles = names.filter((name) => name.endsWith('.test.yml'))
  const read = async (name: string): Promise<unknown> => parse(await readFile(RULES + name, 'utf8'))
  const groups = (await Promise.all(ruleFiles.map(read))).flatMap(
    (file) => rulesSchema.parse(file).groups,
  )
  const rules = groups.flatMap((group) => group.rules)
  const tests = (await Promise.all(testFiles.map(read))).flatMap(
    (file) => testsSchema.parse(file).tests,
  )
  return {
    recordings: rules.filter((rule) => 'record' in rule),
    alerts: rules.filter((rule) => 'alert' in rule),
    cases: tests.flatMap((one) => one.alert_rule_test),
    ruleFiles,
    testFiles,
  }
}

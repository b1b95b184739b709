import { resolve } from 'node:path'
import { type ConfigProblem, codeOf } from '../base/errors.ts'
import { readTextFile, whyUnreadable } from '../base/text-file.ts'
import { CONFIG_VARIABLE, type Environment } from './environment.ts'
import { kindOf, type Mapping, YamlSection } from './yaml-section.ts'

/**
 * The file that EXPUNGE_CONFIG names, as its topmost section; an empty one where no file is named
 * or it cannot be parsed. No message quotes the file: what stands in a wrong place may be a secret.
 */
export async function readConfigFile(
  environment: Environment,
  problems: ConfigProblem[],
): Promise<YamlSection> {
  const named = environment.lookup(CONFIG_VARIABLE)
  if (named === undefined)
    return new YamlSection({ file: '', environment, problems }, '', new Map())
  const file = resolve(named)
  return new YamlSection({ file, environment, problems }, '', await readMapping(file, problems))
}

async function readMapping(file: string, problems: ConfigProblem[]): Promise<Mapping> {
  const content = await readTextFile(file).then(
    async (text) => {
      // Its 70 modules are loaded only where there is a file.
      const { parseYaml } = await import('./yaml.ts')
      return parseYaml(text, (where, message) =>
        problems.push({ setting: `${file}${where}`, message }),
      )
    },
    (error: unknown) => {
      const why = codeOf(error) === 'ENOENT' ? 'does not exist' : whyUnreadable(error)
      problems.push({ setting: CONFIG_VARIABLE, message: `the file ${file} ${why}.` })
      return null
    },
  )
  if (content instanceof Map) return content
  if (content !== null) {
    const message = `expected settings, one "name: value" a line, got ${kindOf(content)}.`
    problems.push({ setting: file, message })
  }
  return new Map()
}

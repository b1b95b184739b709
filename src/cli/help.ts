import type { Help } from 'commander'
import { ENVIRONMENT, type Variable } from './environment.ts'
import type { CommandRecord } from './options.ts'

/** What the help of a command says after its options: examples, exit codes and environment. */
export function moreHelp(
  { examples, exits, environment = [] }: CommandRecord,
  helper: Help,
): string {
  const variables: readonly Variable[] = [...environment, 'NO_COLOR']
  return [
    ...section('Examples:', examples.map(exampleLines)),
    ...section('Exit codes:', items(Object.entries(exits), helper)),
    ...section(
      'Environment:',
      items(
        variables.map((name) => [name, ENVIRONMENT[name]]),
        helper,
      ),
    ),
  ].join('\n')
}

function section(title: string, entries: readonly string[]): readonly string[] {
  return entries.length === 0 ? [] : ['', title, ...entries]
}

const exampleLines = ([words, line]: CommandRecord['examples'][number]): string =>
  `  # ${words}\n  expunge ${line}`

/** Terms and descriptions, aligned and wrapped like commander's own lists. */
function items(pairs: readonly (readonly [string, string])[], helper: Help): readonly string[] {
  const width = Math.max(...pairs.map(([term]) => term.length))
  return pairs.map(([term, words]) => `${helper.formatItem(term, width, words, helper)}`)
}

import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Deadline, deadline } from './deadline.ts'

/** What `run` and `submit` are told of the ids to delete, as commander hands it over. */
export interface InputFlags {
  readonly object: string
  readonly csv?: string
  readonly ids?: string
  readonly source?: string
  readonly soql?: string
  readonly column?: string
  readonly org?: string
  readonly onInvalid?: 'refuse' | 'skip'
  readonly acceptUnchecked?: true
  readonly maxRecords?: number
  readonly maxFailureRatio?: number
  readonly deadline?: Deadline
  readonly dryRun?: true
  readonly hardDelete?: true
  readonly priority?: 'high' | 'normal' | 'low'
  readonly id?: string
  readonly reason?: string
}

/** Adds the flags to a command. `--file` and `--sobject` are the words of Salesforce's own CLI. */
export function withInputFlags(command: Command): Command {
  return command
    .requiredOption('--sobject, --object <name>', 'API name of the object, as in Contact')
    .option('--file, --csv <path>', 'CSV file with the record ids; - reads stdin')
    .option('--ids <list>', 'record ids, separated by commas')
    .option('--source <json>', 'any source of ids, as the deletion request describes it')
    .addOption(new Option('--soql <query>').hideHelp())
    .option('--column <name>', 'column of the CSV that holds the ids (default: Id)')
    .option('--org <name>', 'org, where the configuration file names several')
    .addOption(
      new Option('--on-invalid <what>', 'rows that are no such ids (default: refuse)').choices([
        'refuse',
        'skip',
      ]),
    )
    .option('--accept-unchecked', 'take ids of 15 characters, which carry no checksum')
    .option('--max-records <n>', 'refuse a source with more records', wholeNumber)
    .option('--max-failure-ratio <r>', 'stop past this share of failures, 0 to 1', ratio)
    .option('--deadline <time>', 'cancel what is not deleted by then: 2h, or a time', deadline)
    .option('--dry-run', 'make the plan and delete nothing')
    .option('--hard-delete', 'past the Recycle Bin, where the configuration allows it')
    .addOption(
      new Option('--priority <level>', 'which requests go first (default: normal)').choices([
        'high',
        'normal',
        'low',
      ]),
    )
    .option('--id <key>', 'name of the request: the same again goes on, never repeats')
    .option('--reason <text>', 'kept in the receipt')
}

/** A count: 1 or more. */
export function wholeNumber(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError('Expected a whole number from 1.')
  }
  return value
}

/** A share. */
export function ratio(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value <= 1)) {
    throw new InvalidArgumentError('Expected a number from 0 to 1.')
  }
  return value
}

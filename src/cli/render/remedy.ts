import { type ExpungeError, RefusedError } from '../../shared/base/errors.ts'
import type { ReceiptError } from '../../shared/contract/receipt.ts'
import { InvalidRequestError } from '../../shared/contract/request-problems.ts'
import { shellQuoted } from '../command-line.ts'
import { COMMANDS } from '../commands.ts'
import { flagNamed } from '../options.ts'

/**
 * What an error says on the command line: by flags instead of fields of the request.
 *
 * @param command as typed, whose own flags come first
 */
export function errorWords(error: ExpungeError, command?: string): string {
  if (error instanceof InvalidRequestError) {
    const flags = error.problems.map(
      ({ field, message }) => `${flagOf(field, command)}: ${message}`,
    )
    const more = error.count - flags.length
    return [...flags, ...(more > 0 ? [`and ${more} more`] : [])].join('\n')
  }
  if (!(error instanceof RefusedError)) return error.message
  return receiptErrorWords({ message: error.problem, remedies: error.remedies })
}

/** The same for the error of a receipt. */
export function receiptErrorWords({
  message,
  remedies = [],
}: Pick<ReceiptError, 'message' | 'remedies'>): string {
  return [message, ...remedies.map(remedyWords)].join(' ')
}

function remedyWords({ to, field, value }: NonNullable<ReceiptError['remedies']>[number]): string {
  const option = optionOf(field)
  const placeholder = option?.record.value
  if (placeholder === undefined) return `To ${to}, use ${flagOf(field)}.`
  return `To ${to}, use ${flagOf(field)} ${value === null ? placeholder : shellQuoted(value)}.`
}

/** `--on-invalid`; a field without a flag stays as it is. */
function flagOf(field: string, command?: string): string {
  const option = optionOf(field, command)
  // `labels.ticket` was one use of `--label`.
  const label = /^labels?\.(.*)$/s.exec(field)?.[1]
  if (label !== undefined) return `--label ${label}`
  return option === undefined ? field : flagNamed(option.name)
}

function optionOf(field: string, command = 'run') {
  const own = Object.entries(COMMANDS).find(([name]) => name === command)?.[1].options ?? {}
  const [name, record] =
    [...Object.entries(own), ...Object.entries(COMMANDS.run.options)].find(
      ([name, { field: set = name }]) => set === field,
    ) ?? []
  return name === undefined || record === undefined ? undefined : { name, record }
}

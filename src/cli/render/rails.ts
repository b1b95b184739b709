import { type GuardRails, railChanges, railsBySetting } from '../../shared/contract/guard-rails.ts'
import type { Paint } from '../paint.ts'
import { columns } from './table.ts'

/** The guard rails of an org; where the configuration has others, those beside them. */
export function railsTable(rails: GuardRails, here: GuardRails | null, paint: Paint): string {
  const others = new Map(
    railChanges(rails, here ?? rails).map(({ setting, after }) => [setting, after]),
  )
  const rows = railsBySetting(rails).map(([setting, value]) =>
    others.has(setting)
      ? [setting, railWords(value), paint('yellow', railWords(others.get(setting)))]
      : [setting, railWords(value), ''],
  )
  return columns(rows, { head: ['', 'org', others.size > 0 ? 'this configuration' : ''] })
}

/** `none`, `yes`, `1000`, `Contact 003, Lead 00Q`: as far as it fits on a line. */
export function railWords(value: unknown): string {
  if (value === null) return 'none'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(', ')
  if (typeof value !== 'object') return String(value)
  return Object.entries(value)
    .map(([name, prefix]) => `${name} ${prefix}`)
    .join(', ')
}

import type { PauseState } from '../../shared/store/ledger/pause.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { pauseSentences } from '../render/pause.ts'
import type { Screen } from '../screen.ts'

/** Says why nothing moves, to somebody who looks on. */
interface PauseTeller {
  /** Looks, and returns at once. */
  look(): void
}

const LOOK_EVERY_MS = 1000
const NO_PAUSE: PauseState = { operator: null, fault: null }

/**
 * Tells what pauses the org, once, and that it is over. Faults that come while we look on are told
 * by the worker that meets them.
 */
export function tellPauses({ org, ledger }: OrgStore, screen: Screen): PauseTeller {
  let before: PauseState | null = null
  let lookedAt = Number.NEGATIVE_INFINITY
  const tell = (now: PauseState) => {
    const isFirst = before === null
    const known = before ?? NO_PAUSE
    before = now
    const news: PauseState = {
      operator: known.operator === null ? now.operator : null,
      fault: isFirst ? now.fault : null,
    }
    for (const sentence of pauseSentences(org, news)) {
      screen.say(`${screen.paintSay('yellow', '!')} ${sentence}`)
    }
    if (known.operator !== null && now.operator === null) screen.say('The org goes on: resumed.')
    if (known.fault !== null && now.fault === null) screen.say('The org goes on: it answers again.')
  }
  return {
    look: () => {
      if (Date.now() - lookedAt < LOOK_EVERY_MS) return
      lookedAt = Date.now()
      // Where Redis does not answer, whoever looks on is told by what he looks at.
      ledger.pauseState().then(tell, () => {})
    },
  }
}

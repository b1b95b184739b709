import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard'
import { numbered } from './frame.ts'
import { orgAndObject } from './org-and-object/org-and-object.ts'
import { overview } from './overview/overview.ts'
import { runbookPage } from './runbook-page.ts'
import { runbooks } from './runbooks.ts'

/** The text of every file that is made, by its path below grafana/. */
export function madeFiles(): ReadonlyMap<string, string> {
  const dashboards: Readonly<Record<string, Dashboard>> = {
    'org-and-object': orgAndObject(),
    overview: overview(),
    runbooks: numbered(runbooks()),
  }
  return new Map([
    ...Object.entries(dashboards).map(
      ([name, dashboard]) =>
        [`dashboards/${name}.json`, `${JSON.stringify(dashboard, null, 2)}\n`] as const,
    ),
    ['runbooks/operations.html', runbookPage()],
  ])
}

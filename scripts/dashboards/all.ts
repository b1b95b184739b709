import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard'
import { numbered } from './frame.ts'
import { orgAndObject } from './org-and-object/org-and-object.ts'
import { overview } from './overview/overview.ts'
import { runbooks } from './runbooks.ts'

/** The text of every file of grafana/dashboards, by its name. */
export function dashboardFiles(): ReadonlyMap<string, string> {
  const dashboards: Readonly<Record<string, Dashboard>> = {
    'overview.json': overview(),
    'org-and-object.json': orgAndObject(),
    'runbooks.json': numbered(runbooks()),
  }
  return new Map(
    Object.entries(dashboards).map(([name, dashboard]) => [
      name,
      `${JSON.stringify(dashboard, null, 2)}\n`,
    ]),
  )
}

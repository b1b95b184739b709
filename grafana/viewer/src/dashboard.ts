/** The parts of a dashboard's JSON that the viewer draws, and what the page's address asks for. */

export interface Override {
  readonly matcher: { readonly id: string; readonly options: string }
  readonly properties: readonly { readonly id: string; readonly value: unknown }[]
}

export interface Target {
  readonly refId: string
  readonly expr: string
  readonly legendFormat?: string
  readonly instant?: boolean
  readonly format?: string
}

export interface Panel {
  readonly id: number
  readonly type: string
  readonly title?: string
  readonly description?: string
  readonly gridPos: {
    readonly x: number
    readonly y: number
    readonly w: number
    readonly h: number
  }
  /** The shortest step, `1m`. */
  readonly interval?: string
  readonly links?: readonly { readonly title: string; readonly url: string }[]
  readonly targets?: readonly Target[]
  readonly transformations?: readonly { readonly id: string; readonly options: object }[]
  // biome-ignore lint/suspicious/noExplicitAny: options differ by the kind of panel.
  readonly options: any
  readonly fieldConfig?: {
    readonly defaults: Record<string, unknown>
    readonly overrides: readonly Override[]
  }
}

export interface Dashboard {
  readonly title: string
  readonly panels: readonly Panel[]
}

/** The time that is shown, in milliseconds, and how often Prometheus scraped then, in seconds. */
export interface View {
  readonly from: number
  readonly to: number
  readonly scrape: number
}

const parameters = new URLSearchParams(location.search)
const number = (name: string): number => Number(parameters.get(name))

export const VIEW: View = { from: number('from'), to: number('to'), scrape: number('scrape') }
export const THEME = parameters.get('theme') === 'light' ? 'light' : 'dark'

export async function readDashboard(): Promise<Dashboard> {
  const response = await fetch(`dashboards/${parameters.get('dashboard')}.json`)
  return response.json()
}

import { createTheme, type DataFrame, type GrafanaTheme2, ThemeContext } from '@grafana/data'
import { GlobalStyles, PanelChrome, PortalContainer } from '@grafana/ui'
import { Component, type ReactNode, useEffect, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { type Dashboard, type Panel, readDashboard, THEME, VIEW } from './dashboard.ts'
import { dressed, transformed } from './fields.ts'
import { Text, Visualization } from './panels.tsx'
import { framesOf } from './prometheus.ts'

/** A dashboard on its grid of 24 columns, as Grafana lays it out at this width of the window. */

const CELL = 30
const GAP = 8
const theme = createTheme({ colors: { mode: THEME } })

interface Place {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

function placeOf({ gridPos: { x, y, w, h } }: Panel, width: number): Place {
  const column = (width - GAP) / 24
  return {
    left: Math.round(x * column) + GAP,
    top: y * (CELL + GAP),
    width: Math.round(w * column) - GAP,
    height: h * (CELL + GAP) - GAP,
  }
}

/** What a test asks about: whether there is data, or an error. */
type State = 'loading' | 'data' | 'empty' | 'error'

function Drawn({ panel, place }: { readonly panel: Panel; readonly place: Place }): ReactNode {
  const [frames, setFrames] = useState<DataFrame[]>()
  const [error, setError] = useState('')
  useEffect(() => {
    framesOf(panel, VIEW, place.width)
      .then((found) => transformed(dressed(found, panel, theme), panel))
      .then(
        (found) => setFrames(dressed(found, panel, theme)),
        (caught) => setError(`${caught}`),
      )
  }, [panel, place.width])
  const isEmpty = frames?.every(({ length }) => length === 0)
  const state: State = error !== '' ? 'error' : !frames ? 'loading' : isEmpty ? 'empty' : 'data'
  const link = <span style={{ color: theme.colors.text.secondary }}>↗</span>
  return (
    <div data-panel={panel.title ?? ''} data-state={state} data-error={error}>
      <PanelChrome
        title={panel.title}
        description={panel.description}
        titleItems={panel.links?.length ? link : undefined}
        width={place.width}
        height={place.height}
        padding="md"
      >
        {(width, height) =>
          frames && (
            <Guard>
              <Visualization {...{ panel, frames, theme, width, height }} />
            </Guard>
          )
        }
      </PanelChrome>
    </div>
  )
}

/** A panel that fails to draw must not take the page with it; a test sees what it says. */
class Guard extends Component<{ readonly children: ReactNode }, { readonly failed: string }> {
  override state = { failed: '' }
  static getDerivedStateFromError(error: unknown) {
    return { failed: `${error}` }
  }
  override render(): ReactNode {
    const { failed } = this.state
    return failed === '' ? this.props.children : <div data-failed={failed}>{failed}</div>
  }
}

function Page({
  dashboard,
  theme,
}: {
  readonly dashboard: Dashboard
  readonly theme: GrafanaTheme2
}) {
  const width = window.innerWidth
  const rows = Math.max(...dashboard.panels.map(({ gridPos: { y, h } }) => y + h))
  const minutes = Math.round((VIEW.to - VIEW.from) / 60_000)
  const { canvas } = theme.colors.background
  return (
    <div style={{ background: canvas, color: theme.colors.text.primary, width }}>
      <div style={{ padding: GAP * 2, fontSize: 18 }}>
        {dashboard.title}
        <span style={{ fontSize: 12, float: 'right' }}>{`Last ${minutes} minutes`}</span>
      </div>
      <div style={{ position: 'relative', height: rows * (CELL + GAP) + GAP }}>
        {dashboard.panels.map((panel) => {
          const place = placeOf(panel, width)
          return (
            <div key={panel.id} style={{ position: 'absolute', ...place }}>
              <Kind panel={panel} place={place} />
            </div>
          )
        })}
      </div>
    </div>
  )
}

function Kind({ panel, place }: { readonly panel: Panel; readonly place: Place }): ReactNode {
  switch (panel.type) {
    case 'row':
      return (
        <div style={{ fontSize: 16, fontWeight: 500, padding: '4px 2px' }}>⌄ {panel.title}</div>
      )
    case 'text':
      return (
        <div data-panel={`text ${panel.id}`} data-state="data">
          <PanelChrome width={place.width} height={place.height}>
            {() => <Text panel={panel} />}
          </PanelChrome>
        </div>
      )
    default:
      return <Drawn panel={panel} place={place} />
  }
}

const dashboard = await readDashboard()
const root = document.getElementById('root')
if (root === null) throw new Error('The page has no element #root.')
createRoot(root).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <PortalContainer />
    <Page dashboard={dashboard} theme={theme} />
  </ThemeContext.Provider>,
)

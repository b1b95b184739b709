// node build.mjs FOLDER: bundles the page into FOLDER/page.js and FOLDER/page.css, and puts fonts and
// icons where Grafana's server has them.
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'

const ROOT = import.meta.dirname
const [, , folder = 'out'] = process.argv
const packages = join(ROOT, 'node_modules')
const empty = join(ROOT, 'src/empty.cjs')
await build({
  entryPoints: [join(ROOT, 'src/page.tsx')],
  outdir: folder,
  bundle: true,
  format: 'esm',
  target: 'es2024',
  platform: 'browser',
  jsx: 'automatic',
  // Parts of libraries that no panel reaches in a browser.
  alias: { stream: empty, tty: empty, util: empty },
  define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
  loader: {
    '.svg': 'dataurl',
    '.png': 'dataurl',
    '.woff': 'dataurl',
    '.woff2': 'dataurl',
    '.ttf': 'dataurl',
  },
  logLevel: 'warning',
})

await cp(join(packages, '@grafana/ui/dist/public/img'), join(folder, 'public/build/img'), {
  recursive: true,
})
for (const [family, name, weight] of [
  ['inter', 'Inter-Regular', 400],
  ['inter', 'Inter-Medium', 500],
  ['roboto-mono', 'RobotoMono-Regular', 400],
]) {
  const font = join(packages, `@fontsource/${family}/files/${family}-latin-${weight}-normal.woff2`)
  await cp(font, join(folder, `public/fonts/${name}.woff2`))
}

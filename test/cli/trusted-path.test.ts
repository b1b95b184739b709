import assert from 'node:assert/strict'
import { chmod, chown, lchown, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { untrustedInTree, untrustedReason } from '../../src/cli/embedded-redis/private-directory.ts'

const STRANGER = 12345
const onlyRoot = process.getuid?.() === 0 ? {} : { skip: 'only root can give a file away' }

/** `top/middle/file` in a folder of our own. */
async function tree(t: TestContext) {
  const top = await mkdtemp(join(tmpdir(), 'expunge-trust-'))
  t.after(() => rm(top, { recursive: true, force: true }))
  const middle = join(top, 'middle')
  const file = join(middle, 'file')
  await mkdir(middle, { mode: 0o755 })
  await writeFile(file, '', { mode: 0o644 })
  return { top, middle, file }
}

test('a path of root and ourselves is trusted, in /tmp too, and so is what is not there', async (t) => {
  const { top, file } = await tree(t)
  for (const path of ['/', tmpdir(), '/usr/bin', top, file, join(top, 'missing/deep')]) {
    assert.equal(await untrustedReason(path), null)
  }
})

test('a folder or file that others may write to is named with its mode', async (t) => {
  const { top, middle, file } = await tree(t)
  await chmod(file, 0o666)
  assert.equal(await untrustedReason(file), `${file} is writable by other users (mode 0666)`)
  await chmod(middle, 0o707)
  assert.equal(await untrustedReason(file), `${middle} is writable by other users (mode 0707)`)
  assert.equal(
    await untrustedReason(join(middle, 'missing')),
    `${middle} is writable by other users (mode 0707)`,
  )
  // Sticky: others may make entries, but not replace ours.
  await chmod(middle, 0o1777)
  await chmod(file, 0o644)
  assert.equal(await untrustedReason(file), null)
  await chmod(top, 0o777)
  assert.match((await untrustedReason(file)) ?? '', /expunge-trust-\w+ is writable by other users/)
})

test('what belongs to another user is not trusted, nor what lies below it', onlyRoot, async (t) => {
  const { middle, file } = await tree(t)
  await chown(file, STRANGER, 0)
  assert.equal(
    await untrustedReason(file),
    `${file} belongs to user ${STRANGER}, neither root nor 0`,
  )
  await chown(middle, STRANGER, 0)
  assert.equal(
    await untrustedReason(file),
    `${middle} belongs to user ${STRANGER}, neither root nor 0`,
  )
})

test('a group of others may not write, a group of our own name may', onlyRoot, async (t) => {
  const { file } = await tree(t)
  await chmod(file, 0o664)
  assert.equal(await untrustedReason(file), null)
  await chown(file, 0, STRANGER)
  assert.equal(await untrustedReason(file), `${file} is writable by other users (mode 0664)`)
})

test('links are followed as the kernel does, and each end is looked at', async (t) => {
  const { top, middle, file } = await tree(t)
  const link = join(top, 'link')
  await symlink('middle/../middle', link)
  assert.equal(await untrustedReason(join(link, 'file')), null)
  await chmod(middle, 0o757)
  assert.equal(
    await untrustedReason(join(link, 'file')),
    `${middle} is writable by other users (mode 0757)`,
  )
  await chmod(middle, 0o755)
  await symlink('round', join(top, 'round'))
  assert.match((await untrustedReason(join(top, 'round', 'x'))) ?? '', /more than 40 links/)
  assert.equal(await untrustedReason(file), null)
})

test("another user's link in a sticky folder is not followed", onlyRoot, async (t) => {
  const { top, middle } = await tree(t)
  await chmod(top, 0o1777)
  const link = join(top, 'link')
  await symlink(middle, link)
  await lchown(link, STRANGER, STRANGER)
  assert.match((await untrustedReason(join(link, 'file'))) ?? '', /link belongs to user 12345/)
})

test('of a tree every file counts, and links that lead out of it', async (t) => {
  const { top, middle, file } = await tree(t)
  assert.equal(await untrustedInTree(top), null)
  await chmod(file, 0o646)
  assert.equal(await untrustedInTree(top), `${file} is writable by other users (mode 0646)`)
  await chmod(file, 0o644)
  await symlink('/usr/bin/env', join(middle, 'out'))
  await symlink('nowhere', join(middle, 'broken'))
  assert.equal(await untrustedInTree(top), null)
  const { top: other, file: outside } = await tree(t)
  await symlink(outside, join(middle, 'outside'))
  assert.equal(await untrustedInTree(top), null)
  await chmod(other, 0o777)
  assert.equal(await untrustedInTree(top), `${other} is writable by other users (mode 0777)`)
})

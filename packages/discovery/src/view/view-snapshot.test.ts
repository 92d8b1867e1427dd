import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { ViewSnapshot, type ViewSnapshotOptions } from './view-snapshot.ts'

it('writes where the kernel goes, also by .. behind a link', async () => {
  const top = mkdtempSync(join(tmpdir(), 'livetree-view-'))
  try {
    for (const path of ['releases/42', 'releases/views', 'views'])
      mkdirSync(join(top, path), { recursive: true })
    symlinkSync('releases/42', join(top, 'current'))
    const warn = vi.fn()
    const snapshot = new ViewSnapshot({
      directory: `${top}/current/../views`,
      service: 'pay',
      prefix: 'pay/',
      clock: { setTimeout: () => 0, clearTimeout: () => undefined },
      reports: { warn },
    } as unknown as ViewSnapshotOptions)
    snapshot.save(() => [])
    await snapshot.close()
    expect(warn).not.toHaveBeenCalled()
    expect(existsSync(join(top, 'releases/views/pay.json'))).toBe(true)
    expect(existsSync(join(top, 'views/pay.json'))).toBe(false)
  } finally {
    rmSync(top, { recursive: true })
  }
})

import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { claimDataFile } from './data-file.ts'

it('makes the data file where the kernel goes, also by .. behind a link', () => {
  const top = mkdtempSync(join(tmpdir(), 'livetree-data-file-'))
  try {
    for (const path of ['releases/42', 'releases/data', 'data'])
      mkdirSync(join(top, path), { recursive: true })
    symlinkSync('releases/42', join(top, 'current'))
    claimDataFile(`${top}/current/../data/etcd.db`).release()
    expect(existsSync(join(top, 'releases/data/etcd.db'))).toBe(true)
    expect(existsSync(join(top, 'data/etcd.db'))).toBe(false)
  } finally {
    rmSync(top, { recursive: true })
  }
})

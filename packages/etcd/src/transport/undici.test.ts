import * as whole from 'undici'
import { expect, test } from 'vitest'
import { isUndiciLoaded, loadParts, loadUndici, undici } from './undici.ts'

test('loadUndici: the files it loads hold the very client and connector of the public entry', async () => {
  // Red when undici moves them: then all of undici is loaded, which takes 50 ms more of each start.
  expect(await loadParts()).toEqual({ Client: whole.Client, buildConnector: whole.buildConnector })
  await loadUndici()
  expect(isUndiciLoaded()).toBe(true)
  expect(undici().Client).toBe(whole.Client)
  expect(undici().buildConnector).toBe(whole.buildConnector)
})

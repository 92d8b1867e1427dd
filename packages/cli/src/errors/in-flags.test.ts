import { expect, test } from 'vitest'
import { inFlags } from './in-flags.ts'

test('inFlags names the flags of the command, and leaves paths of the tree alone', () => {
  expect(inFlags('Give the CA as tls.ca.', true)).toBe('Give the CA as --cacert FILE.')
  expect(inFlags('There is nothing at "tls.ca".', false)).toBe('There is nothing at "tls.ca".')
  expect(inFlags('Layer /a has nothing at "http.timeoutMs"', false)).toBe(
    'Layer /a has nothing at "http.timeoutMs"',
  )
  expect(inFlags('Increase `timeoutMs`, or ask `find(id)`.', false)).toBe(
    'Increase --timeout, or ask `find(id)`.',
  )
})

import { expect, test } from 'vitest'
import { parseEndpoint } from './endpoint-url.ts'

const SECRET = 'hunter2'

test.each([
  `http://h:1/?token=${SECRET}`,
  `http://h:1/v3/${SECRET}`,
  `http://h:1#${SECRET}`,
  `http://h:1?${SECRET}`,
  `http://h:1/${SECRET}@h:2`,
  `http://h:1/?a=x@${SECRET}`,
  `h:1/${SECRET}`,
  `h/?${SECRET}`,
  `http://user:${SECRET}@h:1`,
  `user:${SECRET}@h:1`,
  `user:${SECRET}`,
  `http://user:pa/${SECRET}@h:1`,
  `http://user:12/${SECRET}@h:1`,
  `http://user:a@${SECRET}@h:1`,
  `http://${SECRET}?@h`,
  `http://user:12#${SECRET}@h`,
  `http://user:\\${SECRET}@h`,
  `etcd://h:1/${SECRET}`,
  `http://h:1 /${SECRET}`,
  `http://h:12345${SECRET}`,
  `http://h:1\n${SECRET}`,
  `http://h:0/?${SECRET}`,
  `https://[::1]:1/${SECRET}`,
  `  http://h:1/${SECRET}`,
])('a refused endpoint shows nothing but its scheme, host and port: %s', (endpoint) => {
  let message = ''
  try {
    parseEndpoint(endpoint, false)
  } catch (error) {
    message = String(error)
  }
  expect(message).toContain('invalid_option')
  expect(message).not.toContain(SECRET)
})

test.each([
  ['http://h:1/v3', 'http://h:1…'],
  ['redis://h:1', 'redis://h:1'],
  ['http://user:pass@h:1', 'http://…@h:1'],
  ['h:port', 'h…'],
])('a refused endpoint can be recognized: %s', (endpoint, text) => {
  expect(() => parseEndpoint(endpoint, false)).toThrow(`the endpoint ${text} `)
})

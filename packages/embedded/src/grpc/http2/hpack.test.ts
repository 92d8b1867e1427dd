import { connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2'
import { type AddressInfo, createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { encodeHeaders } from './encode-headers.ts'
import { FRAME_TYPE, PREFACE, readFrame } from './frames.ts'
import { HeaderBlock } from './header-block.ts'
import { HpackDecoder } from './hpack-decoder.ts'
import { decodeHuffman } from './huffman.ts'

function decoder() {
  return new HpackDecoder(4096, 64 * 1024)
}
function pairs(block: string, by = decoder()) {
  return by
    .decode(Buffer.from(block.replaceAll(' ', ''), 'hex'))
    .map(({ name, value }) => `${name}: ${value}`)
}

/** Header blocks as nghttp2 writes them for these requests on one connection, the table going from one to the next. */
async function blocksOf(requests: readonly OutgoingHttpHeaders[]): Promise<Buffer[]> {
  const server = createServer()
  onTestFinished(() => void server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  session.on('error', () => {})
  onTestFinished(() => session.destroy())
  for (const headers of requests) session.request(headers).on('error', () => {})
  return await new Promise((resolve) => {
    server.on('connection', (socket) => {
      let seen = Buffer.alloc(0)
      socket.on('error', () => {})
      socket.on('data', (chunk) => {
        seen = Buffer.concat([seen, chunk])
        const blocks = headerBlocksIn(seen)
        if (blocks.length < requests.length) return
        socket.destroy()
        resolve(blocks)
      })
    })
  })
}

function headerBlocksIn(bytes: Buffer): Buffer[] {
  const blocks: HeaderBlock[] = []
  let at = PREFACE.length
  for (let frame = readFrame(bytes, at); frame !== undefined; frame = readFrame(bytes, at)) {
    at += frame.bytes.length
    if (frame.type === FRAME_TYPE.headers) blocks.push(new HeaderBlock(frame))
    if (frame.type === FRAME_TYPE.continuation) blocks.at(-1)?.add(frame)
  }
  return blocks.filter(({ isWhole }) => isWhole).map(({ block }) => block)
}

test.each([
  [
    'C.2.1 literal with indexing',
    '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572',
    ['custom-key: custom-header'],
  ],
  ['C.2.2 literal without indexing', '040c 2f73 616d 706c 652f 7061 7468', [':path: /sample/path']],
  ['C.2.3 literal never indexed', '1008 7061 7373 776f 7264 0673 6563 7265 74', ['password: secret']],
  ['C.2.4 indexed', '82', [':method: GET']],
  ['an empty block', '', []],
  ['a size update and an indexed field', '20 82', [':method: GET']],
])('HpackDecoder.decode: RFC 7541 %s', (_, block, expected) => {
  expect(pairs(block)).toEqual(expected)
})

test('HpackDecoder.decode: RFC 7541 C.4, three requests in Huffman code with the dynamic table', () => {
  const one = decoder()
  const first = [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com']
  expect(pairs('8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff', one)).toEqual(first)
  expect(pairs('8286 84be 5886 a8eb 1064 9cbf', one)).toEqual([...first, 'cache-control: no-cache'])
  expect(pairs('8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf', one)).toEqual([
    ...[':method: GET', ':scheme: https', ':path: /index.html', ':authority: www.example.com'],
    'custom-key: custom-value',
  ])
})

test('HpackDecoder.decode: RFC 7541 C.6, evicts what no longer fits into a table of 256 bytes', () => {
  const one = new HpackDecoder(256, 64 * 1024)
  const block =
    '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3'
  expect(pairs(block, one).at(0)).toBe(':status: 302')
  expect(pairs('4883 640e ffc1 c0bf', one)).toEqual([
    ...[':status: 307', 'cache-control: private', 'date: Mon, 21 Oct 2013 20:13:21 GMT'],
    'location: https://www.example.com',
  ])
  // The fourth entry from the newest was evicted.
  expect(() => pairs('c2', one)).toThrow('there is no index 66')
})

test('HpackDecoder.decode reads what nghttp2 writes, block after block, and encodeHeaders writes it alike', async () => {
  const random = (length: number) =>
    Array.from({ length }, (_, at) => String.fromCharCode(0x21 + ((at * 37 + length * 11) % 94))).join('')
  const requests = Array.from(
    { length: 40 },
    (_, at): OutgoingHttpHeaders => ({
      ':method': 'POST',
      ':path': `/etcdserverpb.KV/${at % 3}`,
      ':authority': at % 2 === 0 ? 'http://127.0.0.1:2379' : random(5),
      'x-same': 'the same value each time',
      'x-long': random(at * 90),
      token: random(20 + at),
      ...(at % 5 === 0 ? { 'x-huge': random(20_000) } : {}),
    }),
  )
  const blocks = await blocksOf(requests)
  const [from, to] = [decoder(), decoder()]
  for (const [at, block] of blocks.entries()) {
    const fields = from.decode(block)
    expect(Object.fromEntries(fields.map(({ name, value }) => [name, value]))).toMatchObject(
      requests[at] as IncomingHttpHeaders,
    )
    expect(to.decode(encodeHeaders(fields))).toEqual(fields)
  }
})

test.each([
  ['an index that is not there', 'ff 80 80 01'],
  ['the index 0', '80'],
  ['a string longer than the block', '40 0a 61'],
  ['a number without an end', 'ff ff ff ff ff ff ff ff ff ff'],
  ['a number of many zero digits', 'ff 80 80 80 80 80 80 80 80 00'],
  ['a name and no value', '40 01 61'],
  ['padding that is not all ones', '40 01 61 81 18'],
  ['Huffman code that ends it', '40 01 61 84 ff ff ff ff'],
  ['a table above the limit', '3f e2 1f'],
  ['a size update after a header', '82 20'],
])('HpackDecoder.decode refuses %s', (_, block) => {
  expect(() => pairs(block)).toThrow()
})

test('HpackDecoder.decode refuses a block that unfolds far beyond its size', () => {
  const one = decoder()
  const value = Buffer.alloc(3000, 0x61)
  one.decode(Buffer.concat([Buffer.from('4001627fb916', 'hex'), value]))
  expect(() => one.decode(Buffer.alloc(30_000, 0xbe))).toThrow('the headers are too large')
})

test('decodeHuffman knows every byte', () => {
  expect(decodeHuffman(Buffer.from('f1e3c2e5f23a6ba0ab90f4ff', 'hex'))).toBe('www.example.com')
  expect(decodeHuffman(Buffer.from('9d29ad171863c78f0b97c8e9ae82ae43d3', 'hex'))).toBe(
    'https://www.example.com',
  )
  expect(decodeHuffman(Buffer.alloc(0))).toBe('')
  // A whole byte of padding is not allowed.
  expect(decodeHuffman(Buffer.from('1fff', 'hex'))).toBeUndefined()
})

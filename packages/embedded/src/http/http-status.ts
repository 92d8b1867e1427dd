/** The HTTP status of each gRPC code in the gateway of etcd 3.5, by the code's number. */
const STATUS_BY_CODE: Readonly<Record<number, number>> = {
  1: 499,
  3: 400,
  4: 504,
  5: 404,
  7: 403,
  8: 429,
  9: 400,
  11: 400,
  12: 501,
  14: 503,
  16: 401,
}

/** The HTTP status that the gateway sends for a gRPC code. */
export function httpStatusOf(code: number): number {
  return STATUS_BY_CODE[code] ?? 500
}

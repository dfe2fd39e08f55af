// Fields of a protobuf message, one after the other, checked against the bytes there are.
// It does not know what the fields mean.

/** One field: its number and its value, by wire type; of numbers beyond 2^53 the lowest 32 bits are exact, as signed. */
export type ProtobufField =
  | { readonly number: number; readonly type: "varint"; readonly value: number; readonly low32: number }
  | { readonly number: number; readonly type: "fixed32" | "fixed64" | "bytes"; readonly value: Uint8Array };

/** Says where a message is not as protobuf writes it. */
export class ProtobufFault extends Error {
  override readonly name: string = "ProtobufFault";
  /** The byte of the message where it stands. */
  readonly byte: number;

  constructor(byte: number, message: string) {
    super(message);
    this.byte = byte;
  }
}

// A varint of 64 bits takes at most ten bytes.
const varintLengthLimit = 10;

/**
 * Yields the fields of a message; bytes are views, not copies.
 *
 * @throws ProtobufFault at the first byte that cannot be
 */
export function* readProtobuf(message: Uint8Array): Generator<ProtobufField> {
  let at = 0;
  let low32 = 0;
  const readVarint = (): number => {
    const start = at;
    let value = 0;
    low32 = 0;
    for (let shift = 0; at - start < varintLengthLimit; shift += 7) {
      const byte = message[at];
      if (byte === undefined) throw new ProtobufFault(at, "the message ends inside a number");
      at++;
      value += (byte & 0x7f) * 2 ** shift;
      if (shift < 32) low32 |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new ProtobufFault(start, "a number is longer than 64 bits");
  };
  const take = (length: number): Uint8Array => {
    if (at + length > message.length) {
      throw new ProtobufFault(at, `a field of ${length} bytes does not fit the ${message.length - at} that are left`);
    }
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const start = at;
    const key = readVarint();
    const number = Math.floor(key / 8);
    if (number === 0 || number > 0x1fffffff) throw new ProtobufFault(start, `there is no field ${number}`);
    const type = key % 8;
    if (type === 0) yield { number, type: "varint", value: readVarint(), low32 };
    else if (type === 1) yield { number, type: "fixed64", value: take(8) };
    else if (type === 2) yield { number, type: "bytes", value: take(readVarint()) };
    else if (type === 5) yield { number, type: "fixed32", value: take(4) };
    else throw new ProtobufFault(start, `wire type ${type} is not in use`);
  }
}

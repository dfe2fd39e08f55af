// Writes ONNX graphs: nodes, initialisers and the protobuf they travel in. Knows no model.

/** Element types of ONNX by our names. */
const elementTypes = { f32: 1, u8: 2, i32: 6, i64: 7 };

function varint(value) {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes = [];
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}

const integer = (field, value) => Buffer.concat([varint(field << 3), varint(value)]);
const float = (field, value) => {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([varint((field << 3) | 5), bytes]);
};

/** A field of bytes, as pieces: weights are not copied until the file is written. */
function pieces(field, parts) {
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  return [varint((field << 3) | 2), varint(size), ...parts];
}
const text = (field, value) => Buffer.concat(pieces(field, [Buffer.from(value)]));
const message = (field, ...parts) => Buffer.concat(pieces(field, parts));

function attribute(name, value) {
  if (typeof value === "string") return message(5, text(1, name), text(4, value), integer(20, 3));
  if (Array.isArray(value)) return message(5, text(1, name), ...value.map((each) => integer(8, each)), integer(20, 7));
  if (Number.isInteger(value)) return message(5, text(1, name), integer(3, value), integer(20, 2));
  return message(5, text(1, name), float(2, value), integer(20, 1));
}

/** One node; attributes that are whole numbers are integers. */
export function node(operator, inputs, outputs, attributes = {}, domain = "") {
  return [
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(3, outputs[0]),
    text(4, operator),
    ...Object.entries(attributes).map(([name, value]) => attribute(name, value)),
    text(7, domain),
  ];
}

/** A constant; `values` is an array of its own element type. */
export function initialiser(name, dtype, shape, values) {
  const raw = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  const head = [...shape.map((extent) => integer(1, extent)), integer(2, elementTypes[dtype]), text(8, name)];
  return [...head, ...pieces(9, [raw])];
}

/** An input or output of the graph; extents that are text are free. */
export function valueInfo(name, dtype, shape) {
  const extents = shape.map((extent) => message(1, typeof extent === "string" ? text(2, extent) : integer(1, extent)));
  return [text(1, name), message(2, message(1, integer(1, elementTypes[dtype]), message(2, ...extents)))];
}

/** The bytes of a model with the operators of ONNX 17 and of onnxruntime. */
export function onnxModel({ nodes, initialisers, inputs, outputs }) {
  const graph = [
    ...nodes.flatMap((each) => pieces(1, each)),
    text(2, "graph"),
    ...initialisers.flatMap((each) => pieces(5, each)),
    ...inputs.flatMap((each) => pieces(11, each)),
    ...outputs.flatMap((each) => pieces(12, each)),
  ];
  const opset = (domain, version) => message(8, text(1, domain), integer(2, version));
  return Buffer.concat([integer(1, 8), opset("", 17), opset("com.microsoft", 1), ...pieces(7, graph)]);
}

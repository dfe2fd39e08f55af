// Random LLaMAs and single products as ONNX graphs, matrices in f32 or in blocks of 32 with 8 or 4 bits. Knows no session.
import { createLlamaTree } from "@dual-head/backbone-llama";
import { configOf, transposed, valuesOf } from "./models.mjs";
import { initialiser, node, onnxModel, valueInfo } from "./onnx.mjs";

const bitsOf = { q8: 8, q4: 4 };

/** Integers in blocks of 32, low nibble first, plus half their range; and a scale a block. */
function quantise(values, bits) {
  const half = 2 ** (bits - 1);
  const scales = new Float32Array(values.length / 32);
  const integers = new Uint8Array((values.length * bits) / 8);
  for (const block of scales.keys()) {
    let extreme = 0;
    for (let k = 32 * block; k < 32 * block + 32; k++) if (Math.abs(values[k]) > Math.abs(extreme)) extreme = values[k];
    const scale = extreme / (bits === 8 ? 127 : -8);
    scales[block] = scale;
    for (let k = 32 * block; k < 32 * block + 32; k++) {
      const whole = scale === 0 ? half : Math.min(2 * half - 1, Math.max(0, Math.round(values[k] / scale) + half));
      if (bits === 8) integers[k] = whole;
      else integers[k >> 1] |= whole << (4 * (k & 1));
    }
  }
  return { integers, scales };
}

/** x · Wᵀ for W [rows, columns]: the node and its constants. */
function linear({ name, shape: [rows, columns], values }, dtype, input, output) {
  if (dtype === "f32") {
    return {
      nodes: [node("MatMul", [input, name], [output])],
      initialisers: [initialiser(name, "f32", [columns, rows], transposed(values, rows, columns))],
    };
  }
  const bits = bitsOf[dtype];
  const { integers, scales } = quantise(values, bits);
  // Level 4, activations in 8 bits, is the fastest on both builds: the others dequantise all of W every time.
  const attributes = { K: columns, N: rows, bits, block_size: 32, accuracy_level: 4 };
  return {
    nodes: [node("MatMulNBits", [input, name, `${name}.scales`], [output], attributes, "com.microsoft")],
    initialisers: [
      initialiser(name, "u8", [rows, columns / 32, 4 * bits], integers),
      initialiser(`${name}.scales`, "f32", [rows * (columns / 32)], scales),
    ],
  };
}

/** One product x[rows, inner] · Wᵀ. */
export function productModel({ name, shape }, dtype) {
  const { nodes, initialisers } = linear({ name, shape, values: valuesOf({ name, shape }) }, dtype, "x", "y");
  return onnxModel({
    nodes,
    initialisers,
    inputs: [valueInfo("x", "f32", ["rows", shape[1]])],
    outputs: [valueInfo("y", "f32", ["rows", shape[0]])],
  });
}

/** A whole model: ids, past keys and values → the most likely next token, keys and values. */
export function llamaModel(shape, dtype) {
  const config = configOf(shape);
  const { layerCount, headCount, groupCount, headSize, maxTokens, normEpsilon, ropeTheta } = config;
  const [nodes, initialisers] = [[], []];
  const weights = new Map();
  createLlamaTree(config, (weight) => void weights.set(weight.name, weight));
  const constant = (name) => {
    const weight = weights.get(name);
    initialisers.push(initialiser(name, "f32", weight.shape, valuesOf(weight)));
    return name;
  };
  const project = (name, input) => {
    const weight = weights.get(name);
    const part = linear({ ...weight, values: valuesOf(weight) }, dtype, input, `${name}.out`);
    nodes.push(...part.nodes);
    initialisers.push(...part.initialisers);
    return `${name}.out`;
  };
  const add = (operator, inputs, output, attributes, domain) => {
    nodes.push(node(operator, inputs, [output], attributes, domain));
    return output;
  };
  const norm = (input, name) =>
    add("SimplifiedLayerNormalization", [input, constant(name)], `${name}.out`, { axis: -1, epsilon: normEpsilon });
  const angle = (index) => (index % (headSize / 2)) * (-2 / headSize);
  const table = (turn) =>
    Float32Array.from({ length: (maxTokens * headSize) / 2 }, (_, index) =>
      turn(Math.floor(index / (headSize / 2)) * ropeTheta ** angle(index)),
    );
  initialisers.push(initialiser("cos", "f32", [maxTokens, headSize / 2], table(Math.cos)));
  initialisers.push(initialiser("sin", "f32", [maxTokens, headSize / 2], table(Math.sin)));
  initialisers.push(initialiser("last", "i64", [1], BigInt64Array.of(-1n)));
  let stream = add("Gather", [constant("model.embed_tokens.weight"), "ids"], "embedded");
  const past = ["batch", groupCount, "past", headSize];
  const present = ["batch", groupCount, "present", headSize];
  const inputs = [
    valueInfo("ids", "i64", ["batch", "count"]),
    valueInfo("lengths", "i32", ["batch"]),
    valueInfo("total", "i32", [1]),
  ];
  const outputs = [valueInfo("token", "i64", ["batch", 1])];
  for (let layer = 0; layer < layerCount; layer++) {
    const at = `model.layers.${layer}`;
    const x = norm(stream, `${at}.input_layernorm.weight`);
    const [q, k, v] = ["q", "k", "v"].map((each) => project(`${at}.self_attn.${each}_proj.weight`, x));
    nodes.push(
      node(
        "GroupQueryAttention",
        [q, k, v, `pastKey${layer}`, `pastValue${layer}`, "lengths", "total", "cos", "sin"],
        [`${at}.attention`, `key${layer}`, `value${layer}`],
        { num_heads: headCount, kv_num_heads: groupCount, do_rotary: 1 },
        "com.microsoft",
      ),
    );
    const attended = project(`${at}.self_attn.o_proj.weight`, `${at}.attention`);
    stream = add("Add", [stream, attended], `${at}.attended`);
    const y = norm(stream, `${at}.post_attention_layernorm.weight`);
    const gate = project(`${at}.mlp.gate_proj.weight`, y);
    const up = project(`${at}.mlp.up_proj.weight`, y);
    const open = add("Mul", [gate, add("Sigmoid", [gate], `${at}.sigmoid`)], `${at}.open`);
    const down = project(`${at}.mlp.down_proj.weight`, add("Mul", [open, up], `${at}.gated`));
    stream = add("Add", [stream, down], `${at}.out`);
    for (const [name, extents, list] of [
      [`pastKey${layer}`, past, inputs],
      [`pastValue${layer}`, past, inputs],
      [`key${layer}`, present, outputs],
      [`value${layer}`, present, outputs],
    ]) {
      list.push(valueInfo(name, "f32", extents));
    }
  }
  const final = add("Gather", [norm(stream, "model.norm.weight"), "last"], "final", { axis: 1 });
  const logits = project("lm_head.weight", final);
  add("ArgMax", [logits], "token", { axis: -1, keepdims: 0 });
  return onnxModel({ nodes, initialisers, inputs, outputs });
}

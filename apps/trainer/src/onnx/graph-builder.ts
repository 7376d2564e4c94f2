import type { Attribute, Initializer, OnnxNode } from './onnx-model.ts';

/** Collects nodes and constants in the order they are used; each call returns the name of its result. */
export class GraphBuilder {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: Initializer[] = [];

  constant(
    name: string,
    type: Initializer['type'],
    values: ArrayLike<number>,
    shape: readonly number[] = [],
  ): string {
    this.initializers.push({ name, type, shape, values });
    return name;
  }

  double(name: string, value: number): string {
    return this.constant(name, 'double', [value]);
  }

  node(
    output: string,
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain = '',
  ): string {
    this.nodes.push({ operator, domain, inputs, output, attributes });
    return output;
  }
}

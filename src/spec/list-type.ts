import { type CompositeType, ListCompositeType } from "@chainsafe/ssz";

/** SSZ of a list of containers, as the beacon API has it in bodies. */
export interface ListType<T> {
  serialize(values: T[]): Uint8Array;
  deserialize(bytes: Uint8Array): T[];
}

/** @param itemsMax - More items are refused while reading. */
export function listType<T>(item: { readonly typeName: string }, itemsMax: number): ListType<T> {
  // The element types of the specification come as a union over forks, which the class cannot take.
  const type = new ListCompositeType(item as unknown as CompositeType<T, unknown, unknown>, itemsMax);
  return type;
}

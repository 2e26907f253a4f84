import { domainAt, signingRoot, ssz, type UnixMs } from "../spec/index.ts";
import { FAR_FUTURE_EPOCH } from "./validators.ts";
import {
  ACCEPTED,
  currentEpoch,
  type Outcome,
  type Registration,
  refused,
  type SignedExit,
  type World,
} from "./world.ts";

const WHAT = "voluntary exit";

/** Takes an exit for the next block. @spec phase0/beacon-chain.md#voluntary-exits */
export async function acceptExit(world: World, exit: SignedExit, at: UnixMs): Promise<Outcome> {
  const problem = await exitProblem(world, exit, at);
  const { validatorIndex } = exit.message;
  if (problem !== undefined) return refused(world, WHAT, problem, at, validatorIndex);
  if (world.exits.has(validatorIndex)) {
    world.refusals.duplicates++;
    return ACCEPTED;
  }
  world.exits.set(validatorIndex, exit);
  world.events.publish("voluntary_exit", () => ssz.phase0.SignedVoluntaryExit.toJson(exit));
  return ACCEPTED;
}

/** Why an exit cannot take place; undefined when it can. */
export async function exitProblem(world: World, exit: SignedExit, at: UnixMs): Promise<string | undefined> {
  const { validatorIndex, epoch } = exit.message;
  const validator = world.validators.get(validatorIndex);
  if (validator === undefined) return "unknown validator";
  const root = signingRoot(
    ssz.phase0.VoluntaryExit.hashTreeRoot(exit.message),
    domainAt(world.spec, "exit", epoch),
  );
  const [right] = await world.signatures.each([
    { publicKey: validator.pubkey, root, signature: exit.signature },
  ]);
  if (right !== true) return "wrong signature";
  if (validator.exitEpoch !== FAR_FUTURE_EPOCH) return "validator is leaving already";
  const now = currentEpoch(world, at);
  if (epoch > now) return "exit epoch is in the future";
  if (now < world.settings.exitAfterEpochs) return "validator has not served long enough";
  const staying = world.validators.all.filter(({ exitEpoch }) => exitEpoch === FAR_FUTURE_EPOCH).length;
  if (staying - world.exits.size <= 1 && !world.exits.has(validatorIndex))
    return "the last validator cannot leave this chain";
  return undefined;
}

export type SignedRegistration = ReturnType<typeof ssz.bellatrix.SignedValidatorRegistrationV1.defaultValue>;

/** Takes builder registrations. Those of validators that are not on this chain are left out, as the API says. */
export async function acceptRegistrations(
  world: World,
  registrations: readonly SignedRegistration[],
  at: UnixMs,
): Promise<Outcome[]> {
  const right = await world.signatures.each(
    registrations.map(({ message, signature }) => ({
      publicKey: message.pubkey,
      root: signingRoot(
        ssz.bellatrix.ValidatorRegistrationV1.hashTreeRoot(message),
        domainAt(world.spec, "applicationBuilder", 0),
      ),
      signature,
    })),
  );
  return registrations.map(({ message }, i) => {
    const validator = world.validators.byKey(`0x${Buffer.from(message.pubkey).toString("hex")}`);
    if (right[i] !== true)
      return refused(world, "builder registration", "wrong signature", at, validator?.index);
    const known: Registration | undefined =
      validator === undefined ? undefined : world.registrations.get(validator.key);
    if (validator !== undefined && (known === undefined || known.timestamp <= message.timestamp))
      world.registrations.set(validator.key, message);
    return ACCEPTED;
  });
}

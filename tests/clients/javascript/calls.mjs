// Calls the gateway as the README says, with the official client, and prints what it saw as one JSON object.
import OpenAI, { AzureOpenAI } from "openai";

const endpoint = process.env.GATEWAY_URL;
const apiKey = process.env.GATEWAY_KEY;
const messages = [{ role: "user", content: "Say hello" }];

const azure = new AzureOpenAI({ endpoint, apiKey, apiVersion: "2024-10-21", maxRetries: 0 });
const v1 = new OpenAI({ baseURL: `${endpoint}/openai/v1`, apiKey, maxRetries: 0 });

async function textOf(stream) {
  let text = "";
  let usageChunks = 0;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? "";
    usageChunks += chunk.usage ? 1 : 0;
  }
  return { text, usageChunks };
}

const seen = {};
for (const [name, client] of Object.entries({ azure, v1 })) {
  const answer = await client.chat.completions.create({ model: "gpt-4o", messages });
  const stream = await client.chat.completions.create({ model: "gpt-4o", messages, stream: true });
  seen[name] = { text: answer.choices[0].message.content, totalTokens: answer.usage.total_tokens, stream: await textOf(stream) };
}
const response = await v1.responses.create({ model: "gpt-4o", input: "Say hello" });
seen.responses = { text: response.output_text, totalTokens: response.usage.total_tokens };

try {
  await new OpenAI({ baseURL: `${endpoint}/openai/v1`, apiKey: "wrong", maxRetries: 0 }).models.list();
} catch (error) {
  seen.wrongKey = { status: error.status, isAuthenticationError: error instanceof OpenAI.AuthenticationError };
}
console.log(JSON.stringify(seen));

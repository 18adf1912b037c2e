"""Real clients against a running server: OpenAI's and Ollama's own Python libraries are the judge.

    pip install -r src/test/clients/requirements.txt
    python -m unittest discover -s src/test/clients -p '*_test.py'
"""

import asyncio
import concurrent.futures
import json
import typing
import unittest

import ollama
import openai
import pydantic

from running_server import MODEL, RunningServer

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]


class OpenAiTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = RunningServer("--api-key", "s3cret", "--parallel", "4")
        cls.client = openai.OpenAI(base_url=cls.server.url + "/v1", api_key="s3cret", max_retries=0)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        said = cls.server.close()
        assert "Exception" not in said, said

    def chat(self, **options):
        return self.client.chat.completions.create(**{"model": MODEL, "messages": QUESTION, "max_tokens": 40} | options)

    def test_chat(self):
        answer = self.chat()
        self.assertIn("Paris", answer.choices[0].message.content)
        self.assertEqual(answer.choices[0].message.role, "assistant")
        self.assertEqual(answer.choices[0].finish_reason, "stop")
        self.assertEqual(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens)
        self.assertGreaterEqual(answer.calidrop["cache"]["seen"], answer.usage.prompt_tokens)

    def test_stream(self):
        whole = self.chat().choices[0].message.content
        chunks = list(self.chat(stream=True, stream_options={"include_usage": True}))
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        self.assertEqual(text, whole)
        self.assertEqual(chunks[-2].choices[0].finish_reason, "stop")
        self.assertEqual(chunks[-1].choices, [])
        self.assertGreater(chunks[-1].usage.completion_tokens, 3)
        self.assertEqual(len({chunk.id for chunk in chunks}), 1)

    def test_stream_helper(self):
        with self.client.chat.completions.stream(model=MODEL, messages=QUESTION, max_tokens=40) as stream:
            kinds = [event.type for event in stream]
            final = stream.get_final_completion()
        self.assertIn("content.delta", kinds)
        self.assertEqual(kinds.count("content.done"), 1)
        self.assertIn("Paris", final.choices[0].message.content)

    def test_stream_that_is_left(self):
        with self.chat(stream=True, max_tokens=2000, messages=[{"role": "user", "content": "Tell me a long story."}]) as stream:
            next(iter(stream))
        self.assertIn("Paris", self.chat().choices[0].message.content)

    def test_many_streams(self):
        def read(_):
            return "".join(chunk.choices[0].delta.content or "" for chunk in self.chat(stream=True))

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            self.assertEqual(len(set(pool.map(read, range(8)))), 1)

    def test_answers(self):
        answer = self.chat(n=3, temperature=1.5, seed=5)
        self.assertEqual([choice.index for choice in answer.choices], [0, 1, 2])
        self.assertGreater(len({choice.message.content for choice in answer.choices}), 1)
        self.assertEqual(answer.choices[1].message.content, self.chat(temperature=1.5, seed=6).choices[0].message.content)

    def test_stop_and_length(self):
        stopped = self.chat(stop=["Paris"]).choices[0]
        self.assertNotIn("Paris", stopped.message.content)
        self.assertEqual(stopped.finish_reason, "stop")
        short = self.chat(max_tokens=openai.NOT_GIVEN, max_completion_tokens=2)
        self.assertEqual((short.choices[0].finish_reason, short.usage.completion_tokens), ("length", 2))

    def test_logprobs(self):
        choice = self.chat(logprobs=True, top_logprobs=2).choices[0]
        tokens = choice.logprobs.content
        self.assertEqual("".join(token.token for token in tokens).strip(), choice.message.content.strip())
        for token in tokens:
            self.assertLessEqual(token.logprob, 0)
            self.assertEqual(len(token.top_logprobs), 2)
            self.assertAlmostEqual(token.top_logprobs[0].logprob, token.logprob)

    def test_completion(self):
        answer = self.client.completions.create(model=MODEL, prompt="The capital of France is", max_tokens=3)
        self.assertIn("Paris", answer.choices[0].text)
        streamed = self.client.completions.create(
            model=MODEL, prompt="The capital of France is", max_tokens=3, stream=True)
        self.assertEqual("".join(chunk.choices[0].text for chunk in streamed), answer.choices[0].text)

    def test_json_schema(self):
        class City(pydantic.BaseModel):
            name: str = pydantic.Field(max_length=20)
            country: typing.Literal["France", "Germany"]

        parsed = self.client.chat.completions.parse(
            model=MODEL, messages=QUESTION, max_tokens=100, response_format=City)
        self.assertIsInstance(parsed.choices[0].message.parsed, City)
        some = self.chat(response_format={"type": "json_object"}, max_tokens=400, temperature=1.2, seed=3).choices[0]
        if some.finish_reason == "stop":
            json.loads(some.message.content)

    def test_tools(self):
        tool = {"type": "function", "function": {"name": "weather", "parameters": {
            "type": "object", "properties": {"city": {"type": "string", "maxLength": 20}},
            "required": ["city"], "additionalProperties": False}}}
        asked = [{"role": "user", "content": "How is the weather in Paris?"}]
        choice = self.chat(messages=asked, tools=[tool], tool_choice="required", max_tokens=100).choices[0]
        self.assertEqual(choice.finish_reason, "tool_calls")
        call = choice.message.tool_calls[0]
        self.assertEqual((call.type, call.function.name), ("function", "weather"))
        self.assertEqual(list(json.loads(call.function.arguments)), ["city"])
        with self.client.chat.completions.stream(model=MODEL, messages=asked, tools=[tool], tool_choice="required",
                                                 max_tokens=100) as stream:
            streamed = stream.get_final_completion().choices[0]
        self.assertEqual(streamed.finish_reason, "tool_calls")
        self.assertEqual(streamed.message.tool_calls[0].function.arguments, call.function.arguments)
        answer = self.chat(messages=asked + [choice.message, {"role": "tool", "tool_call_id": call.id, "content": "Rain."}],
                           tools=[tool], tool_choice="none")
        self.assertTrue(answer.choices[0].message.content)

    def test_bounded_cache(self):
        long = [{"role": "user", "content": "Go on with this list: " + ", ".join(map(str, range(300)))}]
        answer = self.chat(messages=long, extra_body={"calidrop": {"budget": 200}})
        self.assertGreater(answer.calidrop["cache"]["evicted"], 300)
        self.assertEqual(self.chat(messages=long, extra_headers={"X-Calidrop-Budget": "200"}).calidrop["cache"]["kept"],
                         answer.calidrop["cache"]["kept"])

    def test_models(self):
        self.assertIn(MODEL, [model.id for model in self.client.models.list()])
        self.assertEqual(self.client.models.retrieve(MODEL).owned_by, "calidrop")
        with self.assertRaises(openai.NotFoundError):
            self.client.models.retrieve("none")

    def test_errors(self):
        with self.assertRaises(openai.NotFoundError):
            self.chat(model="none")
        with self.assertRaisesRegex(openai.BadRequestError, "temperature"):
            self.chat(temperature=-1)
        with self.assertRaisesRegex(openai.BadRequestError, "temprature"):
            self.chat(extra_body={"temprature": 1})
        with self.assertRaises(openai.BadRequestError) as raised:
            self.chat(messages=[{"role": "user", "content": "word " * 9000}], stream=True)
        self.assertEqual(raised.exception.code, "context_length_exceeded")
        with self.assertRaises(openai.AuthenticationError):
            self.client.with_options(api_key="other").models.list()
        with self.assertRaises(openai.InternalServerError) as raised:
            self.client.embeddings.create(model=MODEL, input="x")
        self.assertEqual(raised.exception.status_code, 501)

    def test_asynchronous(self):
        async def ask():
            async with openai.AsyncOpenAI(base_url=self.server.url + "/v1", api_key="s3cret") as client:
                stream = await client.chat.completions.create(model=MODEL, messages=QUESTION, max_tokens=40, stream=True)
                return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

        self.assertIn("Paris", asyncio.run(ask()))


class BusyTest(unittest.TestCase):
    def test_the_client_tries_again(self):
        story = [{"role": "user", "content": "Tell me a long story."}]
        with RunningServer("--parallel", "1", "--queue", "0") as server:
            client = openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)
            stream = client.chat.completions.create(model=MODEL, messages=story, stream=True, max_tokens=4000,
                                                    extra_body={"repeat_penalty": 1.3})
            next(iter(stream))
            with self.assertRaises(openai.RateLimitError) as raised:
                client.chat.completions.create(model=MODEL, messages=QUESTION)
            self.assertGreater(int(raised.exception.response.headers["retry-after"]), 0)
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                again = client.with_options(max_retries=3)
                answer = pool.submit(again.chat.completions.create, model=MODEL, messages=QUESTION)
                stream.close()
                self.assertIn("Paris", answer.result(60).choices[0].message.content)
            client.close()


class OllamaTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = RunningServer()
        cls.client = ollama.Client(host=cls.server.url)

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def test_chat(self):
        answer = self.client.chat(MODEL, QUESTION, options={"num_predict": 40})
        self.assertIn("Paris", answer.message.content)
        self.assertTrue(answer.done)
        self.assertGreater(answer.eval_count, 3)
        parts = list(self.client.chat(MODEL, QUESTION, options={"num_predict": 40}, stream=True))
        self.assertEqual("".join(part.message.content for part in parts), answer.message.content)
        self.assertEqual(parts[-1].done_reason, "stop")

    def test_generate(self):
        answer = self.client.generate(MODEL, QUESTION[0]["content"], options={"num_predict": 40})
        self.assertIn("Paris", answer.response)
        raw = self.client.generate(MODEL, "The capital of France is", raw=True, options={"num_predict": 3}, stream=True)
        self.assertIn("Paris", "".join(part.response for part in raw))

    def test_models(self):
        self.assertTrue(any(model.model.startswith(MODEL) for model in self.client.list().models))
        self.assertTrue(self.client.show(MODEL).details.quantization_level)
        self.client.generate(MODEL)
        self.assertEqual(len(self.client.ps().models), 1)

    def test_errors(self):
        with self.assertRaises(ollama.ResponseError) as raised:
            self.client.chat("none", QUESTION)
        self.assertEqual(raised.exception.status_code, 404)
        with self.assertRaises(ollama.ResponseError) as raised:
            self.client.embed(MODEL, "x")
        self.assertEqual(raised.exception.status_code, 501)


if __name__ == "__main__":
    unittest.main()

"""What RabbitMQ 3.10 lacks: a bound on the size of an MQTT packet while it is still arriving.

Its plugin gathers up to 256 MB for a packet that has not ended, in many times the memory; then the
memory alarm stops all publishers, for as long as the sender likes. So this runs inside the node,
before what others do there: fifty times a second, where binaries take more than usual, who gathers
one larger than any message may be is cut off.
"""

# No message is larger than 128 KiB, and what TLS hands over at once is smaller than that.
GATHERED_BYTES = 1024 * 1024
# Below this nobody is gathering, and nobody is looked at.
USUAL_BYTES = 24 * 1024 * 1024
PERIOD_MS = 20


def expression() -> str:
    """For `erl -eval`, which evaluates it when the node has started."""
    return f"""
Gathers = fun(Pid) ->
    case erlang:process_info(Pid, binary) of
        {{binary, Held}} -> lists:any(fun({{_, Size, _}}) -> Size > {GATHERED_BYTES} end, Held);
        undefined -> false
    end
end,
Reads = fun(Pid) ->
    case proc_lib:translate_initial_call(Pid) of
        {{rabbit_mqtt_reader, _, _}} -> true;
        _ -> false
    end
end,
Watch = fun(Again) ->
    timer:sleep({PERIOD_MS}),
    case erlang:memory(binary) > {USUAL_BYTES} of
        true ->
            [begin
                logger:warning("an MQTT packet is too large: its connection ~p is ended", [Pid]),
                exit(Pid, kill)
            end || Pid <- erlang:processes(), Gathers(Pid), Reads(Pid)];
        false -> ok
    end,
    Again(Again)
end,
spawn_opt(fun() -> Watch(Watch) end, [{{priority, high}}]).
"""

"""Everyday requests in Chinese."""

from __future__ import annotations

from stillwatch.range.texts.grammar import Topic, words

CHINESE = Topic(
    name="chinese",
    asks=(
        "请帮我写{text},主题是{theme},读者是{reader}。",
        "如果{trouble},我该怎么{act}?请尽量说得具体一些。",
        "用简单的话向{reader}解释一下{theme},并举一个例子。",
        "我必须在{day}之前{act},可是{trouble},你有什么建议?",
        "请修改{own}的{text},内容是关于{theme}的。",
        "给我{n}个关于{theme}的点子,适合{reader}。",
        "{theme}和{other}有什么区别?请列表说明,写给{reader}看。",
    ),
    follow_ups=(
        "再短一点,谢谢,重点放在{theme}。",
        "如果{trouble}呢?还能{act}吗?",
        "现在改成写给{reader}的版本,语气自然一些。",
        "关于{theme}的那一段我没看懂,请再解释一下。",
        "好的,那我接下来怎么{act}比较好呢?",
    ),
    slots={
        "text": words("一封信 | 一封邮件 | 一个童话 | 一份总结 | 一篇演讲稿 | 一则广告 | 一份会议记录"),
        "theme": words(
            """房租 | 阳台种菜 | 电费账单 | 合唱团 | 期末考试 | 在家办公 |
            垃圾分类 | 骑车旅行 | 毕业论文 | 养蜂 | 夜市"""
        ),
        "other": words("房贷 | 堆肥 | 燃气费 | 乐队 | 实习 | 休假"),
        "reader": words("我的主管 | 邻居们 | 小学生 | 客户 | 社区办公室 | 爷爷 | 全班同学"),
        "act": words(
            """整理收据 | 申请奖学金 | 修理漏水 | 筹办聚会 | 学游泳 | 卖掉旧车 |
            搭建网站 | 准备面试 | 节约用水 | 做二十人的饭"""
        ),
        "trouble": words("时间不够 | 预算不足 | 没有人回复 | 一直下雨 | 忘了密码 | 人手太少"),
        "day": words("周一 | 周二 | 周四 | 周五 | 周日"),
    },
)
